import { beforeAll, expect, test } from 'vitest';
import { commitWithCircomlib } from './commitWithCircomlib.ts';
import { openTensorCommitter } from './openTensorCommitter.ts';
import type { CommitTensor, TensorCommitter } from './tensorCommitter.ts';

let commit: TensorCommitter;
let reference: CommitTensor;
beforeAll(async () => {
  [commit, reference] = await Promise.all([openTensorCommitter(), commitWithCircomlib()]);
});

const ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const element = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));

/** Values over the whole of their range, its ends among them. */
function valuesOf(count: number, bits: number): Int32Array {
  const range = 2 ** bits;
  return Int32Array.from({ length: count }, (_, i) => {
    if (i % 7 === 0) return range / 2 - 1;
    return i % 5 === 0 ? -range / 2 : ((i * 2_654_435_761 + i ** 3) % range) - range / 2;
  });
}

test.each([
  { count: 1, bits: 2 },
  { count: 31, bits: 8 },
  { count: 151, bits: 16 },
  { count: 256, bits: 16 },
  { count: 640, bits: 20 },
  { count: 85, bits: 30 },
  { count: 256, bits: 32 },
  { count: 5000, bits: 16 },
])('Z-01: $count values of $bits bits have the commitment that circomlibjs computes', ({ count, bits }) => {
  const values = valuesOf(count, bits);
  for (const blinding of [element(0n), element(ORDER - 1n), element(2n ** 200n + 12345n)])
    expect(commit({ values, bits, blinding })).toEqual(reference({ values, bits, blinding }));
});

test('Z-01: a known value', () => {
  const of = commit({ values: Int32Array.of(-32768, 0, 32767), bits: 16, blinding: element(1n) });
  expect(Buffer.from(of).toString('hex')).toMatchInlineSnapshot(
    `"d13e266f8cf6594b33bddb8cb1587ad20767a34d29bbf8f07b8f6839d8c40213"`,
  );
});

test('Z-02: refuses what has no commitment, where packing alone would collide', () => {
  const blinding = element(5n);
  expect(() => commit({ values: Int32Array.of(128, 0), bits: 8, blinding })).toThrow(
    'A value does not fit in its bits.',
  );
  expect(() => commit({ values: Int32Array.of(-129), bits: 8, blinding })).toThrow('A value does not fit in its bits.');
  expect(() => commit({ values: Int32Array.of(0), bits: 33, blinding })).toThrow('A value has 2 to 32 bits.');
  expect(() => commit({ values: Int32Array.of(0), bits: 8, blinding: element(ORDER) })).toThrow(
    'A field element is below the field’s order.',
  );
  expect(() => commit({ values: Int32Array.of(0), bits: 8, blinding: new Uint8Array(31) })).toThrow(
    'A tensor has values, and a blinding 32 bytes.',
  );
  expect(() => commit({ values: new Int32Array(0), bits: 8, blinding })).toThrow(
    'A tensor has values, and a blinding 32 bytes.',
  );
});

test('Z-03: a list counts its elements, and is not a tensor', () => {
  const [a, b] = [element(1n), element(2n)];
  const lists = [[a], [a, b], [b, a], [a, b, element(0n)], Array(11).fill(a), Array(12).fill(a)];
  expect(new Set(lists.map((list) => Buffer.from(commit.list(list)).toString('hex'))).size).toBe(lists.length);
  expect(Buffer.from(commit.list([a, b])).toString('hex')).toMatchInlineSnapshot(
    `"89c956a04416f58bfd39635df6959c996cff33b8413272274e872bef6cf8f809"`,
  );
  expect(() => commit.list([element(ORDER)])).toThrow('A field element is below the field’s order.');
  expect(() => commit.list([])).toThrow('A list has elements of 32 bytes.');
});
