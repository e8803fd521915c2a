import { CircuitsError } from '../errors.ts';
import { type Combination, constraintsOf, ELEMENT_BYTES, FIELD_ORDER, type R1csFile, readElement } from './r1csFile.ts';

const VERSION = 2;
const HEADER_BYTES = 4 + ELEMENT_BYTES + 4;

/** The values of all wires in a .wtns file. Throws `FILE_INVALID`. */
export function readWitness(bytes: Uint8Array): readonly bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fail = (fault: string): never => {
    throw new CircuitsError('FILE_INVALID', 'This is not a .wtns file.', { fault });
  };
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'wtns') fail('it begins with other bytes');
  if (view.getUint32(4, true) !== VERSION) fail('another version');
  const sections = new Map<number, { readonly start: number; readonly length: number }>();
  let at = 12;
  for (let i = 0; i < view.getUint32(8, true); i++) {
    if (at + 12 > bytes.length) fail('it ends within a section’s head');
    const length = view.getBigUint64(at + 4, true);
    if (length > BigInt(bytes.length - at - 12)) fail('a section is longer than the file');
    const id = view.getUint32(at, true);
    if (sections.has(id)) fail('a section stands twice');
    sections.set(id, { start: at + 12, length: Number(length) });
    at += 12 + Number(length);
  }
  const head = sections.get(1);
  const values = sections.get(2);
  if (head === undefined || head.length !== HEADER_BYTES || values === undefined) return fail('no header or no values');
  if (view.getUint32(head.start, true) !== ELEMENT_BYTES || readElement(view, head.start + 4) !== FIELD_ORDER)
    fail('another field');
  const count = view.getUint32(head.start + 4 + ELEMENT_BYTES, true);
  if (values.length !== count * ELEMENT_BYTES) fail('another count of values');
  return Array.from({ length: count }, (_, wire) => {
    const value = readElement(view, values.start + wire * ELEMENT_BYTES);
    return value < FIELD_ORDER ? value : fail('a value that is not below the field’s order');
  });
}

/** The numbers of the constraints that a witness does not fulfil. Throws `BAD_INPUT` for one of another circuit, or whose wire 0 is not the number 1. */
export function brokenConstraints(file: R1csFile, witness: readonly bigint[]): readonly number[] {
  const { wires } = file.header;
  if (witness.length !== wires || witness[0] !== 1n)
    throw new CircuitsError('BAD_INPUT', 'A witness has a value for each wire, the first of them 1.', { wires });
  const value = (combination: Combination): bigint =>
    combination.reduce((sum, [wire, factor]) => sum + factor * (witness[wire] ?? 0n), 0n);
  const broken: number[] = [];
  let index = 0;
  for (const { a, b, c } of constraintsOf(file)) {
    if ((value(a) * value(b) - value(c)) % FIELD_ORDER !== 0n) broken.push(index);
    index++;
  }
  return broken;
}
