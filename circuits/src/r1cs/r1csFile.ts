import { CircuitsError } from '../errors.ts';
import { readSections, type Section } from './sections.ts';

/** The header of an iden3 .r1cs file over BN254's scalar field. */
export interface R1csHeader {
  readonly wires: number;
  readonly publicOutputs: number;
  readonly publicInputs: number;
  readonly privateInputs: number;
  readonly labels: bigint;
  readonly constraints: number;
}

export interface R1csFile {
  readonly header: R1csHeader;
  readonly bytes: Uint8Array;
  /** By their numbers: 1 the header, 2 constraints, 3 which label each wire has. */
  readonly sections: ReadonlyMap<number, Section>;
}

export const FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
export const ELEMENT_BYTES = 32;
const HEADER_BYTES = 64;
const LABEL_BYTES = 8;
/** Three counts of terms. */
const SMALLEST_CONSTRAINT_BYTES = 12;

/** Reads the frame of an .r1cs file; `bytes` are all of it. Throws `FILE_INVALID`. */
export function readR1cs(bytes: Uint8Array): R1csFile {
  const { view, sections, fail } = readSections(bytes, { kind: 'r1cs', version: 1 });
  const head = sections.get(1);
  if (head === undefined || head.length !== HEADER_BYTES) return fail('no header, or one of another length');
  const { start } = head;
  if (view.getUint32(start, true) !== ELEMENT_BYTES || readElement(view, start + 4) !== FIELD_ORDER)
    fail('another field');
  const constraints = sections.get(2);
  const labels = sections.get(3);
  if (constraints === undefined || labels === undefined) return fail('no constraints or no labels');
  const u32 = (offset: number): number => view.getUint32(start + offset, true);
  const header = {
    wires: u32(36),
    publicOutputs: u32(40),
    publicInputs: u32(44),
    privateInputs: u32(48),
    labels: view.getBigUint64(start + 52, true),
    constraints: u32(60),
  };
  if (1 + header.publicOutputs + header.publicInputs + header.privateInputs > header.wires) fail('too few wires');
  if (labels.length !== LABEL_BYTES * header.wires) fail('as many labels as wires are due');
  if (header.constraints * SMALLEST_CONSTRAINT_BYTES > constraints.length) fail('too few constraints');
  return { header, bytes, sections };
}

/** A linear combination: wires and their factors. */
export type Combination = readonly (readonly [wire: number, factor: bigint])[];

/** a * b = c */
export interface Constraint {
  readonly a: Combination;
  readonly b: Combination;
  readonly c: Combination;
}

/** All constraints in order. Throws `FILE_INVALID` for a count or a wire that the file cannot have. */
export function* constraintsOf({ header, bytes, sections }: R1csFile): Generator<Constraint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const section = sections.get(2) ?? { start: 0, length: 0 };
  const end = section.start + section.length;
  let at = section.start;
  const combination = (): Combination => {
    const count = at + 4 <= end ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    at += 4;
    if (at + count * (4 + ELEMENT_BYTES) > end)
      throw new CircuitsError('FILE_INVALID', 'The constraints end within one.', {});
    return Array.from({ length: count }, () => {
      const wire = view.getUint32(at, true);
      const factor = readElement(view, at + 4);
      at += 4 + ELEMENT_BYTES;
      if (wire >= header.wires) throw new CircuitsError('FILE_INVALID', 'A constraint names no wire.', { wire });
      return [wire, factor] as const;
    });
  };
  for (let i = 0; i < header.constraints; i++) yield { a: combination(), b: combination(), c: combination() };
  // Rows that are appended would begin within these.
  if (at !== end) throw new CircuitsError('FILE_INVALID', 'There are bytes behind the last constraint.', {});
}

/** A field element of 32 bytes, little-endian. */
export function readElement(view: DataView, at: number): bigint {
  let element = 0n;
  for (let limb = 3; limb >= 0; limb--) element = (element << 64n) + view.getBigUint64(at + 8 * limb, true);
  return element;
}
