import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { constraintSystem } from '../audit/determinedWires.ts';
import { EVEN_PART_TEXT, gated, inverseRoot, rshr } from '../audit/exactReference.ts';
import { hasNoWitness } from '../audit/hasNoWitness.ts';
import { type OpenedShape, openShape } from '../audit/openShape.ts';
import {
  attentionCase,
  commitmentOf,
  diagonalOf,
  headCase,
  hiddenCase,
  linearCase,
  type Matrix,
  matrixOf,
  normCase,
  type OperatorCase,
  residualCase,
} from '../audit/operatorCase.ts';
import { openTensorCommitter } from '../commitment/openTensorCommitter.ts';
import type { CommitTensor } from '../commitment/tensorCommitter.ts';
import { FIELD_ORDER } from '../r1cs/r1csFile.ts';
import { brokenConstraints } from '../r1cs/witnessFile.ts';
import type { AttentionShape, HeadShape, HiddenShape, LinearShape, NormShape, ResidualShape } from './shape.ts';

let folder: string;
let commit: CommitTensor;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-statements-'));
  commit = await openTensorCommitter();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The honest witness fulfils all constraints, and its signals are those that a verifier computes from the rules. */
async function expectStatement(shape: OpenedShape, { inputs, tensors }: OperatorCase, matrix?: Matrix): Promise<void> {
  const witness = await shape.witness(inputs);
  const file = matrix === undefined ? shape.file : shape.withRows(matrix.weights);
  expect(brokenConstraints(file, witness)).toEqual([]);
  const due = shape.circuit.signals.map((name) => {
    const tensor = tensors[name];
    return tensor === undefined ? inputs[name] : commitmentOf(commit, tensor);
  });
  expect(witness.slice(1, 1 + due.length)).toEqual(due);
}

/** The program makes no witness, and no other one can. */
async function expectNone(shape: OpenedShape, { inputs }: OperatorCase, matrix?: Matrix): Promise<void> {
  await expect(shape.witness(inputs)).rejects.toMatchObject({ code: 'NO_WITNESS' });
  const file = matrix === undefined ? shape.file : shape.withRows(matrix.weights);
  expect(hasNoWitness(shape, constraintSystem(file), inputs)).toBe(true);
}

/** Sums at the edges of rounding and of what sat_B lets through, and those right beyond it. */
function edges(
  shift: number,
  bits: number,
): { readonly inside: readonly number[]; readonly beyond: readonly number[] } {
  const limit = 2 ** (bits - 1) - 1;
  const half = shift === 0 ? 0 : 2 ** (shift - 1);
  const highest = limit * 2 ** shift + (shift === 0 ? 0 : half - 1);
  const lowest = -limit * 2 ** shift - half;
  return {
    inside: [0, 1, -1, half, half - 1, -half, -half - 1, 3 * half, -3 * half, highest, lowest, limit * 2 ** shift],
    beyond: [highest + 1, lowest - 1, 2 * highest, 2 * lowest],
  };
}

test('the table of the tests is that of docs/exact-arithmetic.md', async () => {
  const page = await readFile(new URL('../../../docs/exact-arithmetic.md', import.meta.url), 'utf8');
  expect(page).toContain(EVEN_PART_TEXT);
});

describe.each([0, 1, 16])('X-22: linear with a shift of %i', (shift) => {
  const shape: LinearShape = { kind: 'linear', rows: 12, columns: 3, inputBits: 16, shift, outputBits: 16 };
  const { inside, beyond } = edges(shift, 16);
  const weights = inside.map((_, i) => [i, -2 * i, 3]);
  const x = [2n, 1n, -32_768n];
  /** With these biases, W x + b are the sums. */
  const reaching = (sums: readonly number[]): Matrix =>
    matrixOf(
      weights,
      sums.map((sum) => sum + 3 * 32_768),
    );
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });

  test('rounds halves up and keeps all that does not saturate', async () => {
    const matrix = reaching(inside);
    const one = linearCase(shape, matrix, x);
    expect(one.inputs.acc).toEqual(inside.map(BigInt));
    await expectStatement(opened, one, matrix);
  });

  test('has no witness for what saturates', async () => {
    for (const sum of beyond) {
      const matrix = reaching(inside.map((value, i) => (i === 5 ? sum : value)));
      await expectNone(opened, linearCase(shape, matrix, x), matrix);
    }
  });

  test('has no witness for an x beyond its bits', async () => {
    const matrix = reaching(inside);
    for (const value of [32_768n, -32_769n])
      await expectNone(opened, linearCase(shape, matrix, [2n, value, 1n]), matrix);
  });
});

describe.each([1, 16])('X-25: residual with a shift of %i', (shift) => {
  const shape: ResidualShape = { kind: 'residual', rows: 8, columns: 2, inputBits: 20, shift };
  const top = 2 ** 31 - 1;
  const half = 2 ** (shift - 1);
  const one = 2 ** shift;
  const sums = [0, half, half - 1, -half, -half - 1, -3 * one, 5 * one - half - 1, one - half];
  const r = [7, top - 1, top, -top, 1 - top, 3 - top, top - 4, -top - 1].map(BigInt);
  const weights = sums.map((_, i) => [i, -i]);
  const x = [524_287n, -524_288n];
  const reaching = (values: readonly number[]): Matrix =>
    matrixOf(
      weights,
      values.map((sum, i) => sum - i * (2 * 524_288 - 1)),
    );
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });

  test('adds the rounded sum up to the limits of 32 bits', async () => {
    const matrix = reaching(sums);
    const honest = residualCase(shape, matrix, { x, r });
    expect(honest.inputs.acc).toEqual(sums.map(BigInt));
    expect(honest.tensors.commitmentY?.values.map(Number)).toEqual([7, top, top, -top, -top, -top, top, -top]);
    await expectStatement(opened, honest, matrix);
  });

  test('has no witness for what saturates, nor for an r beyond 32 bits', async () => {
    for (const sum of [-half - 1, half + one])
      await expectNone(
        opened,
        residualCase(shape, reaching(sums.map((value, i) => (i === (sum < 0 ? 3 : 2) ? sum : value))), { x, r }),
        reaching(sums.map((value, i) => (i === (sum < 0 ? 3 : 2) ? sum : value))),
      );
    for (const value of [2n ** 31n, -(2n ** 31n) - 1n])
      await expectNone(opened, residualCase(shape, reaching(sums), { x, r: [value, ...r.slice(1)] }), reaching(sums));
  });
});

describe.each([
  { width: 6, shift: 36 },
  { width: 1, shift: 34 },
])('X-21: norm of $width values', ({ width, shift }) => {
  const shape: NormShape = { kind: 'norm', width, epsilon: width * 42_950, shift, outputBits: 16 };
  const matrix = diagonalOf([16_384, -3000, 20_000, -16_384, 7, 0].slice(0, width));
  const top = 2n ** 31n - 1n;
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });

  test.each([
    { what: 'of many sizes', x: [65_536n, -1n, 3_000_000n, -20_000_000n, 7n, 12_345n] },
    { what: 'zero', x: [0n, 0n, 0n, 0n, 0n, 0n] },
    { what: 'all 1', x: [1n, 1n, 1n, 1n, 1n, 1n] },
    { what: 'as large as they can be', x: [top, top, top, top, top, top] },
    { what: 'as low as they can be', x: Array<bigint>(6).fill(-top - 1n) },
    { what: 'one large one among zeros', x: [0n, 0n, 0n, 0n, top, 0n] },
  ])('values $what', async ({ x }) => {
    await expectStatement(opened, normCase(shape, matrix, x.slice(0, width)), matrix);
  });

  test('has no witness for what saturates, nor for values beyond 32 bits', async () => {
    const steep = diagonalOf([2 ** 21, 0, 0, 0, 0, 0].slice(0, width));
    const x = [65_536n, 1n, 2n, 3n, 4n, 5n].slice(0, width);
    await expectNone(opened, normCase(shape, steep, x), steep);
    for (const value of [top + 1n, -top - 2n])
      await expectNone(opened, normCase(shape, matrix, [value, ...x.slice(1)]), matrix);
  });
});

test('X-21: the differences below and above the root fit in the norm’s widths, up to 8,192 values of any size', () => {
  for (const width of [1, 2, 3, 4, 64, 4095, 4096, 8191, 8192])
    for (const epsilon of [32, 42_950, 2 ** 32 - 1])
      for (const value of [0n, 1n, 65_536n, 2n ** 31n - 1n, -(2n ** 31n)])
        for (const count of [1, width]) {
          const x = Array.from({ length: width }, (_, i) => (i < count ? value : 0n));
          const squares = x.reduce((sum, one) => sum + one * one, BigInt(epsilon * width));
          const whole = BigInt(width) << 68n;
          const r = inverseRoot(x, BigInt(epsilon * width));
          const limit = 2n ** BigInt(68 + width.toString(2).length);
          expect(r < 2n ** 32n).toBe(true);
          expect(whole - r * r * squares).toBeGreaterThanOrEqual(0n);
          expect(whole - r * r * squares < limit).toBe(true);
          expect((r + 1n) ** 2n * squares - whole - 1n).toBeGreaterThanOrEqual(0n);
          expect((r + 1n) ** 2n * squares - whole - 1n < limit).toBe(true);
        }
});

// The smallest shifts with which nothing saturates, and one less for 16 bits.
describe.each([
  { gateFraction: 1, shift: 25 },
  { gateFraction: 12, shift: 14 },
  { gateFraction: 14, shift: 12 },
  { gateFraction: 16, shift: 9 },
])('X-26: hidden from gates of $gateFraction fraction bits', ({ gateFraction, shift }) => {
  const width = 48;
  const shape: HiddenShape = { kind: 'hidden', width, gateFraction, shift };
  const ups = [524_287n, -1n, -524_288n, 1n, 0n, 12_345n, -98_765n];
  const limit = 2n ** 29n - 1n;
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });

  /** Gates on both sides of every piece's ends and in its middle, of both signs. */
  const gates = [
    ...new Set(
      Array.from({ length: 34 }, (_, piece) => [0, 1, 16_384, 32_767].map((rest) => piece * 32_768 + rest))
        .flat()
        .map((size) => rshr(BigInt(size), 16 - gateFraction))
        .concat([524_287n, 524_286n])
        .filter((size) => size < 524_288n)
        .flatMap((size) => [size, -size]),
    ),
  ];
  const pairs = gates.map((g, i) => ({ g, u: ups[i % ups.length] ?? 0n }));
  pairs.push(...[524_287n, -524_287n, 1n, 0n].flatMap((g) => [524_287n, -524_288n, 0n].map((u) => ({ g, u }))));
  const isInside = ({ g, u }: { readonly g: bigint; readonly u: bigint }): boolean => {
    const y = gated(g, u, gateFraction, shift);
    return y <= limit && y >= -limit;
  };

  test('every piece of the table and beyond it', async () => {
    const inside = pairs.filter(isInside);
    expect(inside.length).toBeGreaterThan(gateFraction === 1 ? 70 : 100);
    for (let start = 0; start < inside.length; start += width) {
      const part = Array.from({ length: width }, (_, i) => inside[start + i] ?? { g: 0n, u: 0n });
      await expectStatement(opened, hiddenCase(shape, { g: part.map(({ g }) => g), u: part.map(({ u }) => u) }));
    }
  });

  test('has no witness for what saturates and for a g or u beyond 20 bits; g is never the lowest number of 20 bits', async () => {
    const zeros = Array<bigint>(width - 1).fill(0n);
    const saturating = pairs.find((pair) => !isInside(pair));
    expect(saturating !== undefined).toBe(gateFraction === 16);
    const odd = [
      ...(saturating === undefined ? [] : [saturating]),
      { g: -524_288n, u: 0n },
      { g: 524_288n, u: 0n },
      { g: 0n, u: 524_288n },
      { g: 0n, u: -524_289n },
    ];
    for (const { g, u } of odd) {
      const inputs = hiddenCase(shape, { g: [g, ...zeros], u: [u, ...zeros] }).inputs;
      await expect(opened.witness(inputs), `g ${g}, u ${u}`).rejects.toMatchObject({ code: 'NO_WITNESS' });
    }
  });
});

describe.each([1, 10])('X-27 and X-30: head with a shift of %i', (shift) => {
  const shape: HeadShape = { kind: 'head', vocabulary: 6, columns: 2, inputBits: 16, shift, logitBits: 32 };
  const one = 2 ** shift;
  const half = one / 2;
  const top = 2 ** 31 - 1;
  const x = [32_767n, -32_768n];
  const reaching = (sums: readonly number[]): Matrix =>
    matrixOf(
      sums.map((_, i) => [i, -i]),
      sums.map((sum, i) => sum - i * (32_767 + 32_768)),
    );
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });

  test.each([
    { what: 'the highest', sums: [1, 9 * one, -3, 8 * one, 7, -half], token: 1 },
    { what: 'the first', sums: [9 * one, 1, 2, 3, 4, 5], token: 0 },
    { what: 'the last', sums: [1, 2, 3, 4, 5, 9 * one], token: 5 },
    { what: 'the first of all, which are equal', sums: [5, 5, 5, 5, 5, 5].map((sum) => sum * one), token: 0 },
    { what: 'the first of three equal ones', sums: [0, 1, 7, 1, 7, 7].map((sum) => sum * one), token: 2 },
    {
      what: 'the first of two that are equal only when rounded, the second being larger',
      sums: [0, 7 * one - half, 1, 7 * one + half - 1, 7 * one - half - 1, 0],
      token: 1,
    },
    { what: 'one that a half rounds up', sums: [6 * one + half - 1, 6 * one + half, 6 * one, 0, 0, 0], token: 1 },
    { what: 'among negative ones', sums: [-9, -8, -7, -6, -5, -4].map((sum) => sum * one), token: 5 },
    { what: 'the largest that does not saturate', sums: [0, -top * one, top * one + half - 1, 0, 0, 0], token: 2 },
    {
      what: 'the lowest that it may be, above such that saturate',
      sums: [-top - 9, -top, -top + 1, -2 * top, -top, -top - 1].map((sum) => sum * one),
      token: 2,
    },
  ])('chooses $what', async ({ sums, token }) => {
    const matrix = reaching(sums);
    const honest = headCase(shape, matrix, x);
    expect(honest.inputs.acc).toEqual(sums.map(BigInt));
    expect(honest.token).toBe(token);
    await expectStatement(opened, honest, matrix);
    // No other token has a witness, one beyond the vocabulary neither.
    const { acc: _, ...rest } = honest.inputs;
    const system = constraintSystem(opened.withRows(matrix.weights));
    for (let other = -1n; other <= 6n; other++)
      if (other !== BigInt(token))
        expect(hasNoWitness(opened, system, { ...rest, token: other }), `token ${other}`).toBe(true);
  });

  test.each([
    { what: 'the highest saturates', sums: [0, (top + 1) * one, 0, 0, 0, 0] },
    { what: 'all saturate below', sums: [-9, -1, -2, -3, -4, -5].map((sum) => (sum - top) * one) },
    {
      what: 'the highest equals those that saturate below',
      sums: [-1, 0, -1, -1, -1, -1].map((sum) => (sum - top) * one),
    },
  ])('no token has a witness if $what', async ({ sums }) => {
    const matrix = reaching(sums);
    const { inputs } = headCase(shape, matrix, x);
    const system = constraintSystem(opened.withRows(matrix.weights));
    for (let token = 0n; token < 6n; token++) {
      await expect(opened.witness({ ...inputs, token })).rejects.toMatchObject({ code: 'NO_WITNESS' });
      const { acc: _, ...rest } = inputs;
      expect(hasNoWitness(opened, system, { ...rest, token })).toBe(true);
    }
  });
});

describe('X-24: attention', () => {
  const shape: AttentionShape = {
    kind: 'attention',
    heads: 2,
    keyHeads: 1,
    headSize: 2,
    positions: 4,
    bits: 16,
    shift: 10,
  };
  // Scores that are equal, close to each other, far apart, and negative.
  const keys = [
    [300n, -20n],
    [300n, -20n],
    [-7n, 9000n],
    [32_767n, -32_767n],
  ];
  const values = [
    [1n, -32_767n],
    [20_000n, 30n],
    [-4n, 7n],
    [32_767n, 0n],
  ];
  const q = [40n, -30n, -5n, 900n];

  test('over one to all positions: results, lists and the highest scores are those of the rules', async () => {
    const opened = await openShape(shape, folder);
    const { list } = await openTensorCommitter();
    const bytes = (element: bigint): Uint8Array =>
      Uint8Array.from({ length: 32 }, (_, i) => Number((element >> BigInt(8 * i)) & 255n));
    for (const count of [1, 2, 3, 4]) {
      const past = { keys: keys.slice(0, count), values: values.slice(0, count) };
      const one = attentionCase(shape, past, q);
      const witness = await opened.witness(one.inputs);
      expect(brokenConstraints(opened.file, witness)).toEqual([]);
      const listed = (rows: readonly (readonly bigint[])[], blindings: unknown): bigint =>
        list(
          Array.from({ length: shape.positions }, (_, t) => {
            const row = rows[t];
            const blinding = (blindings as readonly bigint[])[t] ?? 0n;
            return bytes(row === undefined ? 0n : commitmentOf(commit, { values: row, bits: 16, blinding }));
          }),
        ).reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
      const due: Readonly<Record<string, unknown>> = {
        commitmentQ: commitmentOf(commit, one.tensors.commitmentQ ?? { values: [], bits: 16, blinding: 0n }),
        commitmentK: listed(past.keys, one.inputs.blindingK),
        commitmentV: listed(past.values, one.inputs.blindingV),
        commitmentO: commitmentOf(commit, one.tensors.commitmentO ?? { values: [], bits: 16, blinding: 0n }),
        context: one.inputs.context,
        count: BigInt(count),
      };
      expect(witness.slice(1, 7)).toEqual(opened.circuit.signals.map((signal) => due[signal]));
      expect(one.tops.map((_, h) => witness[opened.wire(`top[${h}]`)])).toEqual(
        one.tops.map((top) => ((top % FIELD_ORDER) + FIELD_ORDER) % FIELD_ORDER),
      );
    }
  });
});
