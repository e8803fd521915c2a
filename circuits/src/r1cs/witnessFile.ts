import { CircuitsError } from '../errors.ts';
import { type Combination, constraintsOf, ELEMENT_BYTES, FIELD_ORDER, type R1csFile, readElement } from './r1csFile.ts';

/** The values of all wires in a .wtns file. Throws `FILE_INVALID`. */
export function readWitness(bytes: Uint8Array): readonly bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fail = (fault: string): never => {
    throw new CircuitsError('FILE_INVALID', 'This is not a .wtns file.', { fault });
  };
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'wtns') fail('it begins with other bytes');
  let at = 12;
  for (let i = 0; i < view.getUint32(8, true); i++) {
    if (at + 12 > bytes.length) fail('it ends within a section’s head');
    const length = view.getBigUint64(at + 4, true);
    if (length > BigInt(bytes.length - at - 12)) fail('a section is longer than the file');
    if (view.getUint32(at, true) === 2) {
      const start = at + 12;
      return Array.from({ length: Number(length) / ELEMENT_BYTES }, (_, wire) =>
        readElement(view, start + wire * ELEMENT_BYTES),
      );
    }
    at += 12 + Number(length);
  }
  return fail('no values');
}

/** The numbers of the constraints that a witness does not fulfil. */
export function brokenConstraints(file: R1csFile, witness: readonly bigint[]): readonly number[] {
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
