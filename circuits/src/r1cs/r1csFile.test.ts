import { describe, expect, test } from 'vitest';
import { r1csBytes } from '../audit/r1csBytes.ts';
import { CircuitsError } from '../errors.ts';
import { constraintsOf, readR1cs } from './r1csFile.ts';

/** Wire 1 times wire 2 is wire 3. */
const FILE = r1csBytes({ wires: 4, constraints: [[[[1, 1n]], [[2, 1n]], [[3, 1n]]]] });
const HEADER = FILE.sections.get(1)?.start ?? 0;
const ROWS = FILE.sections.get(2)?.start ?? 0;

function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = Uint8Array.from(FILE.bytes);
  change(new DataView(bytes.buffer));
  return bytes;
}

function faultOf(bytes: Uint8Array): string {
  try {
    for (const _ of constraintsOf(readR1cs(bytes)));
  } catch (error) {
    if (error instanceof CircuitsError && error.code === 'FILE_INVALID')
      return String(error.facts.fault ?? error.message);
    throw error;
  }
  return '';
}

test('reads what circom writes', () => {
  expect(FILE.header).toEqual({
    wires: 4,
    publicOutputs: 0,
    publicInputs: 0,
    privateInputs: 3,
    labels: 4n,
    constraints: 1,
  });
  expect([...constraintsOf(FILE)]).toEqual([{ a: [[1, 1n]], b: [[2, 1n]], c: [[3, 1n]] }]);
  const inside = Buffer.concat([Buffer.alloc(7), FILE.bytes]).subarray(7);
  expect([...constraintsOf(readR1cs(inside))]).toEqual([{ a: [[1, 1n]], b: [[2, 1n]], c: [[3, 1n]] }]);
});

describe('refuses', () => {
  test('a file that ends anywhere', () => {
    for (let length = 0; length < FILE.bytes.length; length++)
      expect(faultOf(FILE.bytes.subarray(0, length)), `${length} bytes`).not.toBe('');
  });

  const HUGE = 0xffff_ffff;
  test.each([
    { what: 'another beginning', fault: 'it begins with other bytes', change: (v: DataView) => v.setUint8(0, 0) },
    { what: 'another version', fault: 'another version', change: (v: DataView) => v.setUint32(4, 2, true) },
    {
      what: 'a huge count of sections',
      fault: 'it ends within a section’s head',
      change: (v: DataView) => v.setUint32(8, HUGE, true),
    },
    {
      what: 'a huge section',
      fault: 'a section is longer than the file',
      change: (v: DataView) => v.setBigUint64(ROWS - 8, 2n ** 64n - 1n, true),
    },
    {
      what: 'a section twice',
      fault: 'a section stands twice',
      change: (v: DataView) => v.setUint32(ROWS - 12, 1, true),
    },
    { what: 'another field', fault: 'another field', change: (v: DataView) => v.setUint8(HEADER + 4, 2) },
    {
      what: 'fewer wires than inputs',
      fault: 'too few wires',
      change: (v: DataView) => v.setUint32(HEADER + 48, HUGE, true),
    },
    {
      what: 'a huge count of wires',
      fault: 'as many labels as wires are due',
      change: (v: DataView) => v.setUint32(HEADER + 36, HUGE, true),
    },
    {
      what: 'a huge count of constraints',
      fault: 'too few constraints',
      change: (v: DataView) => v.setUint32(HEADER + 60, HUGE, true),
    },
    {
      what: 'a huge count of terms',
      fault: 'The constraints end within one.',
      change: (v: DataView) => v.setUint32(ROWS, HUGE, true),
    },
    {
      what: 'a wire that there is not',
      fault: 'A constraint names no wire.',
      change: (v: DataView) => v.setUint32(ROWS + 4, 4, true),
    },
    {
      what: 'bytes behind the last constraint',
      fault: 'There are bytes behind the last constraint.',
      change: (v: DataView) => v.setUint32(HEADER + 60, 0, true),
    },
  ])('$what', ({ fault, change }) => {
    expect(faultOf(changed(change))).toBe(fault);
  });
});
