import { expect, test } from 'vitest';
import {
  checkOpenedLayer,
  FREIVALDS_PRIME,
  freivaldsPoint,
  type LinearMatrix,
  type OpenedLayer,
  projectMatrix,
  sumsHash,
} from './freivalds.ts';
import { type Hash, hash } from './hash.ts';
import type { ModelId } from './ids.ts';

const bytes = (text: string): Hash => hash(new TextEncoder().encode(text));
const modelId = bytes('a model') as unknown as ModelId;
const pointOf = (epoch: string): bigint => freivaldsPoint({ beacon: bytes(epoch), modelId, operator: 3 });

const [ROWS, COLUMNS, SHIFT, BITS] = [24, 40, 26, 16];
/** Entries of 28 bits and inputs of 16, on both sides of 0. */
const entry = (i: number, j: number): number => ((i * 7_919_003 + j * 104_729_017 + i * j * 31) % 2 ** 28) - 2 ** 27;
const entries = Array.from({ length: ROWS }, (_, i) => Array.from({ length: COLUMNS }, (_, j) => entry(i, j)));
const matrix: LinearMatrix = {
  rows: ROWS,
  columns: COLUMNS,
  row: (index) => entries[index] ?? [],
  bias: (index) => index * 1_000_003 - 7,
};
const x = Array.from({ length: COLUMNS }, (_, j) => ((j * 4241) % 65_536) - 32_768);
const sumsOf = ({ rows, row, bias }: LinearMatrix): readonly bigint[] =>
  Array.from({ length: rows }, (_, i) =>
    Array.from(row(i)).reduce((sum, weight, j) => sum + BigInt(weight) * BigInt(x[j] ?? 0), BigInt(bias?.(i) ?? 0)),
  );
const rounded = (sums: readonly bigint[]): readonly number[] =>
  sums.map((sum) => {
    const value = Number((sum + (1n << BigInt(SHIFT - 1))) >> BigInt(SHIFT));
    return Math.max(-32_767, Math.min(32_767, value));
  });
const sums = sumsOf(matrix);
/** Of the rows some saturate and some do not. */
const honest: OpenedLayer = { x, sums, y: rounded(sums), shift: SHIFT, bits: BITS };
const projected = projectMatrix(matrix, pointOf('epoch 1'));

test('Z-60: the point is the epoch’s, the model’s and the operator’s', () => {
  expect(pointOf('epoch 1').toString(16)).toMatchInlineSnapshot(`"2381346f4972ea57641b19f8c4d413a9"`);
  const points = [
    pointOf('epoch 1'),
    pointOf('epoch 2'),
    freivaldsPoint({ beacon: bytes('epoch 1'), modelId, operator: 4 }),
    freivaldsPoint({ beacon: bytes('epoch 1'), modelId: bytes('another') as unknown as ModelId, operator: 3 }),
  ];
  expect(new Set(points).size).toBe(4);
  expect(points.every((point) => point < FREIVALDS_PRIME)).toBe(true);
});

test('Z-61: the projection is r^T W, by the definition', () => {
  const point = pointOf('epoch 1');
  const power = (i: number): bigint => {
    let value = 1n;
    for (let k = 0; k <= i; k++) value = (value * point) % FREIVALDS_PRIME;
    return value;
  };
  const column = (j: number): bigint => {
    const sum = entries.reduce((value, row, i) => value + power(i) * BigInt(row[j] ?? 0), 0n) % FREIVALDS_PRIME;
    return (sum + FREIVALDS_PRIME) % FREIVALDS_PRIME;
  };
  expect(projected.projected).toEqual(x.map((_, j) => column(j)));
});

test('Z-62, Z-64: an honest layer holds in every epoch, with what saturates and with a residual', () => {
  expect(honest.y).toContain(-32_767);
  expect(Array.from(honest.y).some((value) => Math.abs(value) < 32_767)).toBe(true);
  for (const epoch of ['epoch 1', 'epoch 2', 'epoch 3'])
    expect(checkOpenedLayer(projectMatrix(matrix, pointOf(epoch)), honest)).toEqual({ verdict: 'accept' });
  const residual = sums.map((_, i) => i * 1000 - 9000);
  const exact = sums.map((sum) => Number((sum + (1n << BigInt(SHIFT - 1))) >> BigInt(SHIFT)));
  const y = exact.map((value, i) => Math.max(-(2 ** 31) + 1, Math.min(2 ** 31 - 1, value + (residual[i] ?? 0))));
  expect(checkOpenedLayer(projected, { ...honest, y, residual, bits: 32 })).toEqual({ verdict: 'accept' });
});

test('Z-62: any one value of x, of the sums or of the weights that is off by one', () => {
  const wrong = { verdict: 'reject', rule: 'Z-62', fault: 'sums' };
  for (let j = 0; j < COLUMNS; j++)
    expect(checkOpenedLayer(projected, { ...honest, x: x.with(j, (x[j] ?? 0) + 1) })).toEqual(wrong);
  for (let i = 0; i < ROWS; i++)
    for (const step of [1n, -1n, 2n ** 60n, 2n ** 124n])
      expect(checkOpenedLayer(projected, { ...honest, sums: sums.with(i, (sums[i] ?? 0n) + step) })).toEqual(wrong);
  for (let at = 0; at < ROWS * COLUMNS; at += 37) {
    const [i, j] = [Math.floor(at / COLUMNS), at % COLUMNS];
    const changed = entries.with(i, (entries[i] ?? []).with(j, entry(i, j) + 1));
    const other = projectMatrix({ ...matrix, row: (index) => changed[index] ?? [] }, pointOf('epoch 1'));
    expect(checkOpenedLayer(other, honest)).toEqual(wrong);
  }
  const biased = projectMatrix({ ...matrix, bias: (index) => index * 1_000_003 }, pointOf('epoch 1'));
  expect(checkOpenedLayer(biased, honest)).toEqual(wrong);
});

test('Z-64: any one y that is not its own sum, rounded', () => {
  for (let i = 0; i < ROWS; i++)
    for (const step of [1, -1]) {
      const y = Array.from(honest.y).with(i, (honest.y[i] ?? 0) + step);
      expect(checkOpenedLayer(projected, { ...honest, y })).toEqual({
        verdict: 'reject',
        rule: 'Z-64',
        fault: 'rounding',
      });
    }
});

test('Z-62: sums that are the same modulo the prime are out of range, and so is another length', () => {
  for (const step of [FREIVALDS_PRIME, -FREIVALDS_PRIME, 2n ** 126n])
    expect(checkOpenedLayer(projected, { ...honest, sums: sums.with(5, (sums[5] ?? 0n) + step) })).toEqual({
      verdict: 'reject',
      rule: 'Z-62',
      fault: 'range',
    });
  for (const cut of [
    { x: x.slice(1) },
    { sums: sums.slice(1) },
    { y: Array.from(honest.y).slice(1) },
    { residual: [1] },
  ])
    expect(checkOpenedLayer(projected, { ...honest, ...cut })).toEqual({
      verdict: 'reject',
      rule: 'Z-62',
      fault: 'length',
    });
});

/** Small d0, d1, not both 0, with rho d0 + rho^2 d1 = 0: from the remainders of Euclid's algorithm on the prime and rho. */
function shortRelation(point: bigint): readonly [bigint, bigint] {
  let [a, b, s, t] = [FREIVALDS_PRIME, point, 0n, 1n];
  while (b * b > FREIVALDS_PRIME) [a, b, s, t] = [b, a % b, t, s - (a / b) * t];
  // b = t rho modulo the prime, so that -b + t rho = 0.
  return [-b, t];
}

test('Z-63: who knows the point before it commits makes up sums that pass; under the next beacon they do not', () => {
  const [d0, d1] = shortRelation(pointOf('epoch 1'));
  expect(d0 !== 0n && d0 > -(2n ** 65n) && d1 < 2n ** 65n && d1 > -(2n ** 65n)).toBe(true);
  const forged = sums.map((sum, i) => sum + (i === 0 ? d0 : i === 1 ? d1 : 0n));
  const y = rounded(forged);
  expect(y).not.toEqual(honest.y);
  expect(checkOpenedLayer(projected, { ...honest, sums: forged, y })).toEqual({ verdict: 'accept' });
  expect(checkOpenedLayer(projectMatrix(matrix, pointOf('epoch 2')), { ...honest, sums: forged, y })).toEqual({
    verdict: 'reject',
    rule: 'Z-62',
    fault: 'sums',
  });
});

test('Z-63: sums are committed to for their place, each in 16 bytes', () => {
  const place = { position: 7, operator: 3 };
  const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');
  expect(hex(sumsHash(place, [-1n, 2n ** 100n]))).toMatchInlineSnapshot(
    `"601bb1a276a9f8f10d2d3bd2f84954f5f871dabf12317e5b8037601863eb961b"`,
  );
  const others = [
    sumsHash(place, [-1n, 2n ** 100n + 1n]),
    sumsHash(place, [1n, 2n ** 100n]),
    sumsHash({ ...place, position: 8 }, [-1n, 2n ** 100n]),
    sumsHash({ ...place, operator: 4 }, [-1n, 2n ** 100n]),
  ];
  expect(new Set([...others, sumsHash(place, [-1n, 2n ** 100n])].map(hex)).size).toBe(5);
});

test('a shift of 0 rounds nothing', () => {
  const small: LinearMatrix = { rows: 2, columns: 1, row: (index) => [index + 1] };
  const layer = { x: [5], sums: [5n, 10n], y: [5, 10], shift: 0, bits: BITS };
  expect(checkOpenedLayer(projectMatrix(small, pointOf('epoch 1')), layer)).toEqual({ verdict: 'accept' });
});
