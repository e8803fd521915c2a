import { type Combination, ELEMENT_BYTES, FIELD_ORDER, type R1csFile, readR1cs } from '../r1cs/r1csFile.ts';
import { toField } from './field.ts';

/** What a small .r1cs file holds. */
export interface R1csParts {
  readonly wires: number;
  readonly publicInputs?: number;
  readonly constraints: readonly (readonly [a: Combination, b: Combination, c: Combination])[];
}

/** A file of few constraints, for tests of what reads them. */
export function r1csBytes({ wires, publicInputs = 0, constraints }: R1csParts): R1csFile {
  const header = Buffer.concat([
    u32(ELEMENT_BYTES),
    element(FIELD_ORDER),
    u32(wires),
    u32(0),
    u32(publicInputs),
    u32(wires - 1 - publicInputs),
    u64(wires),
    u32(constraints.length),
  ]);
  const terms = (combination: Combination): Buffer =>
    Buffer.concat([
      u32(combination.length),
      ...combination.flatMap(([wire, factor]) => [u32(wire), element(toField(factor))]),
    ]);
  const rows = Buffer.concat(constraints.flatMap((sides) => sides.map(terms)));
  const labels = Buffer.concat(Array.from({ length: wires }, (_, wire) => u64(wire)));
  const section = (id: number, content: Buffer): Buffer => Buffer.concat([u32(id), u64(content.length), content]);
  return readR1cs(
    Buffer.concat([Buffer.from('r1cs'), u32(1), u32(3), section(1, header), section(2, rows), section(3, labels)]),
  );
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function element(value: bigint): Buffer {
  return Buffer.from(Array.from({ length: ELEMENT_BYTES }, (_, i) => Number((value >> BigInt(8 * i)) & 255n)));
}
