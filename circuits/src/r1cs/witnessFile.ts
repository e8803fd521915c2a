import { CircuitsError } from '../errors.ts';
import { type Combination, constraintsOf, ELEMENT_BYTES, FIELD_ORDER, type R1csFile, readElement } from './r1csFile.ts';
import { readSections } from './sections.ts';

const VERSION = 2;
const HEADER_BYTES = 4 + ELEMENT_BYTES + 4;

/** The values of all wires in a .wtns file. Throws `FILE_INVALID`. */
export function readWitness(bytes: Uint8Array): readonly bigint[] {
  const { view, sections, fail } = readSections(bytes, { kind: 'wtns', version: VERSION });
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
