import { CircuitsError } from '../errors.ts';
import type { Circuit } from '../shapes/shape.ts';
import { ELEMENT_BYTES, FIELD_ORDER, type R1csFile } from './r1csFile.ts';

/** A matrix of integers, and one more integer for each row. Magnitudes are below 2^53. */
export interface Weights {
  readonly rows: number;
  readonly columns: number;
  /** The entries of a row, in order. */
  row(index: number): ArrayLike<number>;
  bias?(index: number): number;
}

/** Where the inputs begin that rows of weights connect. */
export interface OpenWires {
  readonly from: number;
  readonly to: number;
}

/**
 * Z-10: out of the header alone: they are the last public inputs, behind the circuit's signals. Throws `FILE_INVALID` for a file with other
 * public wires, and `BAD_INPUT` for a circuit without weights.
 */
export function openWiresOf({ header }: R1csFile, { open, signals, name }: Circuit): OpenWires {
  if (open === undefined) throw new CircuitsError('BAD_INPUT', 'This circuit takes no weights.', { name });
  const { publicInputs, publicOutputs } = header;
  const { from, to } = open;
  if (publicInputs + publicOutputs !== signals.length + from.length + to.length)
    throw new CircuitsError('FILE_INVALID', 'The constraints have other public wires than the circuit.', {
      name,
      publicInputs,
      publicOutputs,
    });
  const first = 1 + signals.length;
  return { from: first, to: first + from.length };
}

const SECTION_HEAD_BYTES = 12;
const ROW_HEAD_BYTES = 12;
const TERM_BYTES = 4 + ELEMENT_BYTES;

/**
 * Z-10: the file of `shape` with the rows `0 * 0 = to_i - sum W_ij from_j - b_i` behind its constraints, and with `from` and `to` private. It
 * comes in pieces, for that of a large matrix is longer than memory. Throws `BAD_INPUT` for another matrix than the circuit's.
 */
export function* appendRows(shape: R1csFile, circuit: Circuit, weights: Weights): Generator<Uint8Array> {
  const wires = openWiresOf(shape, circuit);
  const { rows, columns } = weights;
  if (circuit.open?.from.length !== columns || circuit.open.to.length !== rows)
    throw new CircuitsError('BAD_INPUT', 'The matrix has another shape than its circuit.', { rows, columns });
  let added = 0;
  for (let i = 0; i < rows; i++) added += ROW_HEAD_BYTES + TERM_BYTES * countTerms(weights, i);
  const content = (id: number): Uint8Array => {
    const { start, length } = shape.sections.get(id) ?? { start: 0, length: 0 };
    return shape.bytes.subarray(start, start + length);
  };
  // A Buffer’s slice would be the file’s own memory.
  const header = Uint8Array.from(content(1));
  const view = new DataView(header.buffer);
  const { publicInputs, privateInputs, constraints } = shape.header;
  view.setUint32(44, publicInputs - rows - columns, true);
  view.setUint32(48, privateInputs + rows + columns, true);
  view.setUint32(60, constraints + rows, true);

  const head = new Uint8Array(SECTION_HEAD_BYTES);
  head.set(shape.bytes.subarray(0, 8));
  new DataView(head.buffer).setUint32(8, 3, true);
  yield head;
  yield sectionHead(1, header.length);
  yield header;
  yield sectionHead(2, content(2).length + added);
  yield content(2);
  for (let i = 0; i < rows; i++) yield rowBytes(weights, wires, i);
  yield sectionHead(3, content(3).length);
  yield content(3);
}

function sectionHead(id: number, length: number): Uint8Array {
  const bytes = new Uint8Array(SECTION_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id, true);
  view.setBigUint64(4, BigInt(length), true);
  return bytes;
}

/** `to` itself, the weights that are not zero, and the bias if it is not. */
function countTerms({ columns, row, bias }: Weights, index: number): number {
  const entries = row(index);
  let terms = 1;
  for (let j = 0; j < columns; j++) if (entries[j] !== 0) terms++;
  return (bias?.(index) ?? 0) === 0 ? terms : terms + 1;
}

function rowBytes(weights: Weights, wires: OpenWires, index: number): Uint8Array {
  const entries = weights.row(index);
  const bias = weights.bias?.(index) ?? 0;
  const terms = countTerms(weights, index);
  const bytes = new Uint8Array(ROW_HEAD_BYTES + TERM_BYTES * terms);
  const view = new DataView(bytes.buffer);
  // Nothing in a and nothing in b.
  view.setUint32(8, terms, true);
  let at = ROW_HEAD_BYTES;
  const put = (wire: number, factor: number): void => {
    view.setUint32(at, wire, true);
    writeInteger(view, at + 4, factor);
    at += TERM_BYTES;
  };
  // Terms stand in the order of their wires.
  if (bias !== 0) put(0, -bias);
  for (let j = 0; j < weights.columns; j++) {
    const entry = entries[j] ?? 0;
    if (entry !== 0) put(wires.from + j, -entry);
  }
  put(wires.to + index, 1);
  return bytes;
}

const ORDER_LIMBS = Array.from({ length: 4 }, (_, i) => BigInt.asUintN(64, FIELD_ORDER >> BigInt(64 * i)));

/** An integer as a field element, little-endian. The order's lowest 64 bits are above 2^53, so that no borrow goes beyond them. */
function writeInteger(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value))
    throw new CircuitsError('BAD_INPUT', 'A weight is an integer below 2^53.', { weight: value });
  if (value >= 0) {
    view.setBigUint64(at, BigInt(value), true);
    return;
  }
  for (const [i, limb] of ORDER_LIMBS.entries())
    view.setBigUint64(at + 8 * i, i === 0 ? limb + BigInt(value) : limb, true);
}
