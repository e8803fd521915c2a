import { describe, expect, test } from 'vitest';
import { r1csBytes } from '../audit/r1csBytes.ts';
import { CircuitsError } from '../errors.ts';
import { FIELD_ORDER } from './r1csFile.ts';
import { brokenConstraints, readWitness } from './witnessFile.ts';

const HEADER = 24;
const VALUES = 76;

function element(value: bigint): Buffer {
  return Buffer.from(Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n)));
}

function u32(...values: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

/** As snarkjs writes it. */
function witnessBytes(values: readonly bigint[]): Uint8Array {
  return Uint8Array.from(
    Buffer.concat([
      Buffer.from('wtns'),
      u32(2, 2, 1, 40, 0, 32),
      element(FIELD_ORDER),
      u32(values.length, 2, 32 * values.length, 0),
      ...values.map(element),
    ]),
  );
}

const FILE = witnessBytes([1n, 3n, FIELD_ORDER - 1n, FIELD_ORDER - 3n]);

function faultOf(bytes: Uint8Array): string {
  try {
    readWitness(bytes);
  } catch (error) {
    if (error instanceof CircuitsError && error.code === 'FILE_INVALID') return String(error.facts.fault);
    throw error;
  }
  return '';
}

test('reads what snarkjs writes', () => {
  expect(readWitness(FILE)).toEqual([1n, 3n, FIELD_ORDER - 1n, FIELD_ORDER - 3n]);
  expect(readWitness(Buffer.concat([Buffer.alloc(5), FILE]).subarray(5))).toHaveLength(4);
});

describe('refuses', () => {
  test('a file that ends anywhere', () => {
    for (let length = 0; length < FILE.length; length++)
      expect(faultOf(FILE.subarray(0, length)), `${length} bytes`).not.toBe('');
  });

  const HUGE = 0xffff_ffff;
  test.each([
    { what: 'another version', fault: 'another version', change: (v: DataView) => v.setUint32(4, 1, true) },
    {
      what: 'a huge count of sections',
      fault: 'it ends within a section’s head',
      change: (v: DataView) => v.setUint32(8, HUGE, true),
    },
    {
      what: 'a huge section',
      fault: 'a section is longer than the file',
      change: (v: DataView) => v.setBigUint64(VALUES - 8, 2n ** 63n, true),
    },
    {
      what: 'a section twice',
      fault: 'a section stands twice',
      change: (v: DataView) => v.setUint32(VALUES - 12, 1, true),
    },
    { what: 'another field', fault: 'another field', change: (v: DataView) => v.setUint8(HEADER + 4, 2) },
    {
      what: 'a huge count of values',
      fault: 'another count of values',
      change: (v: DataView) => v.setUint32(HEADER + 36, HUGE, true),
    },
    {
      what: 'a value that is the field’s order',
      fault: 'a value that is not below the field’s order',
      change: (v: DataView) => new Uint8Array(v.buffer).set(element(FIELD_ORDER), VALUES + 32),
    },
  ])('$what', ({ fault, change }) => {
    const bytes = Uint8Array.from(FILE);
    change(new DataView(bytes.buffer));
    expect(faultOf(bytes)).toBe(fault);
  });
});

describe('broken constraints', () => {
  const file = r1csBytes({
    wires: 4,
    constraints: [
      [[[1, 1n]], [[2, 1n]], [[3, 1n]]],
      [
        [],
        [],
        [
          [0, 2n],
          [2, 2n],
        ],
      ],
    ],
  });

  test('are those that do not hold in the field', () => {
    expect(brokenConstraints(file, readWitness(FILE))).toEqual([]);
    expect(brokenConstraints(file, [1n, 3n, FIELD_ORDER - 1n, 3n])).toEqual([0]);
    expect(brokenConstraints(file, [1n, 3n, 1n, 3n])).toEqual([1]);
  });

  test('are not asked of a witness that is none, as that of zeros alone', () => {
    const said = 'A witness has a value for each wire, the first of them 1.';
    expect(() => brokenConstraints(file, [0n, 0n, 0n, 0n])).toThrow(said);
    expect(() => brokenConstraints(file, [1n, 0n, FIELD_ORDER - 1n])).toThrow(said);
  });
});
