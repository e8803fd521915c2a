import { expect, test } from 'vitest';
import { matrixOf } from '../audit/operatorCase.ts';
import { FIELD_ORDER } from '../r1cs/r1csFile.ts';
import { combineRows } from './combineRows.ts';
import { biasAt, powersOf, weightsAt } from './evaluateMatrix.ts';

/** Integers of so many bits, both ends of their range among them. */
function entriesOf(rows: number, columns: number, bits: number): readonly (readonly number[])[] {
  const top = 2 ** (bits - 1);
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => {
      if ((i + j) % 5 === 0) return top - 1;
      return (i + j) % 7 === 0 ? -top + (bits === 54 ? 1 : 0) : ((i * 2_654_435_761 + j * 40_503) % top) - (i % 3);
    }),
  );
}

const mod = (value: bigint): bigint => ((value % FIELD_ORDER) + FIELD_ORDER) % FIELD_ORDER;
const RHO = FIELD_ORDER - 2n ** 200n - 12_345n;

// 54 bits are the widest integers that a number holds exactly.
test.each([8, 20, 31, 54])('Z-75: rows of %i-bit weights combine exactly, where floats would round', (bits) => {
  const { weights, entries } = matrixOf(entriesOf(37, 6, bits));
  const factors = powersOf(RHO, 37);
  const naive = Array.from({ length: 6 }, (_, j) =>
    mod(entries.reduce((sum, row, i) => sum + (row[j] ?? 0n) * (factors[i] ?? 0n), 0n)),
  );
  expect(combineRows(weights, factors)).toEqual(naive);
});

test('Z-75: the largest factors and weights, over more rows than a float has room for', () => {
  const rows = 2 ** 13 + 5;
  for (const entry of [2 ** 24 - 1, -(2 ** 24) + 1, 2 ** 30]) {
    const weights = { rows, columns: 2, row: () => [entry, -entry] };
    // All limbs of the factor are as large as they can be, but for the highest one's.
    const factor = 2n ** 253n - 1n;
    const sum = BigInt(rows) * BigInt(entry) * factor;
    expect(combineRows(weights, Array(rows).fill(factor))).toEqual([mod(sum), mod(-sum)]);
  }
});

test.each([8, 20, 31])(
  'Z-75: a matrix of %i-bit weights at a point, and its biases, against a naive evaluation',
  (bits) => {
    const bias = [1, -(2 ** 40), 2 ** 53 - 1, -7, 0];
    const { weights, entries } = matrixOf(entriesOf(5, 6, bits), bias);
    const r = [FIELD_ORDER - 1n, 2n ** 251n + 3n, 77n];
    const eq = (j: number): bigint =>
      r.reduce((product, coordinate, k) => product * ((j >> (2 - k)) & 1 ? coordinate : 1n - coordinate), 1n);
    let [naive, biases] = [0n, 0n];
    for (const [i, row] of entries.entries()) {
      biases += RHO ** BigInt(i) * BigInt(bias[i] ?? 0);
      for (const [j, entry] of row.entries()) naive += RHO ** BigInt(i) * eq(j) * entry;
    }
    expect(weightsAt(weights, { rho: RHO, r })).toBe(mod(naive));
    expect(biasAt(weights, RHO)).toBe(mod(biases));
    expect(biasAt({ ...weights, bias: undefined } as unknown as typeof weights, RHO)).toBe(0n);
  },
);

test('refuses what is no integer, and a row of another length', () => {
  const matrix = (row: readonly number[]) => ({ rows: 1, columns: 2, row: () => row });
  for (const row of [
    [0.5, 1],
    [Number.NaN, 1],
    [2 ** 53, 1],
  ])
    expect(() => combineRows(matrix(row), [1n])).toThrow('A weight is an integer below 2^53.');
  for (const row of [[1], [1, 2, 3]])
    expect(() => combineRows(matrix(row), [1n])).toThrow('A row of a matrix has as many entries as columns.');
});
