import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { constraintSystem, determine } from '../audit/determinedWires.ts';
import { multiply, rshr } from '../audit/exactReference.ts';
import { invert, toField } from '../audit/field.ts';
import { harmlessChanges } from '../audit/harmlessChanges.ts';
import { hasNoWitness } from '../audit/hasNoWitness.ts';
import { type CircuitInputs, type OpenedShape, openShape } from '../audit/openShape.ts';
import { CONTEXT, commitmentOf, type Matrix, matrixOf } from '../audit/operatorCase.ts';
import { elementBytes, elementOf } from '../commitment/elements.ts';
import { openTensorCommitter } from '../commitment/openTensorCommitter.ts';
import type { TensorCommitter } from '../commitment/tensorCommitter.ts';
import { type SumCheckInputs, sumCheckInputs } from '../prove/sumCheckInputs.ts';
import { FIELD_ORDER } from '../r1cs/r1csFile.ts';
import { brokenConstraints } from '../r1cs/witnessFile.ts';
import { digestMatrix } from '../sumCheck/digestMatrix.ts';
import { weightsAt } from '../sumCheck/evaluateMatrix.ts';
import { type LinearShape, type SumCheckShape, sumCheckOf } from './shape.ts';

let folder: string;
let commit: TensorCommitter;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-sumcheck-'));
  commit = await openTensorCommitter();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const BLINDINGS = { blindingX: 2n ** 250n + 11n, blindingY: 2n ** 240n + 17n, blindingPoint: 2n ** 252n + 19n };

function provenCase(shape: SumCheckShape, { weights }: Matrix, x: readonly bigint[], changes: object = {}) {
  const matrix = digestMatrix(shape, weights);
  const values = { x: Int32Array.from(x, Number), blindings: BLINDINGS, context: CONTEXT, ...changes };
  return sumCheckInputs(matrix, values, { commit });
}

/** Inputs by name, as field elements. */
function integers({ inputs }: Pick<SumCheckInputs, 'inputs'>): CircuitInputs {
  const one = (value: unknown): bigint => toField(BigInt(value as string | number));
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, Array.isArray(value) ? value.map(one) : one(value)]),
  );
}

/** What forces all other wires. */
const GIVEN = ['context', 'matrix', 'biasAtPoint', 'weightsAtPoint', 'x', 'acc', 'constant', 'square'];

function givenWires(opened: OpenedShape, names: readonly string[], witness: readonly bigint[]): Map<number, bigint> {
  const wires = [...opened.names.wires].filter(([name]) => names.includes(name.replace(/\[\d+\]$/, '')));
  return new Map(wires.map(([, wire]) => [wire, witness[wire] ?? 0n]));
}

const CASES: readonly {
  readonly shape: LinearShape;
  readonly entries: readonly (readonly number[])[];
  readonly bias?: readonly number[];
  readonly x: readonly bigint[];
}[] = [
  {
    shape: { kind: 'linear', rows: 1, columns: 1, inputBits: 8, shift: 0, outputBits: 16 },
    entries: [[-3]],
    x: [-128n],
  },
  {
    shape: { kind: 'linear', rows: 3, columns: 5, inputBits: 16, shift: 10, outputBits: 16 },
    entries: [
      [1, -2, 3, 400, 0],
      [50, 6, -7, 8, -1],
      [9, 0, 1100, -12, 33],
    ],
    bias: [100_000, 0, -5],
    x: [300n, -4000n, 25_000n, -32_768n, 32_767n],
  },
  {
    // Weights of 31 bits, a power of two of columns, and more rows than columns.
    shape: { kind: 'linear', rows: 6, columns: 4, inputBits: 20, shift: 32, outputBits: 24 },
    entries: Array.from({ length: 6 }, (_, i) =>
      Array.from({ length: 4 }, (_, j) => (i === j ? -(2 ** 30) : 2 ** 30 - 1 - 77_777 * (i * 4 + j))),
    ),
    bias: [0, 2 ** 45, -(2 ** 45) - 1, 1, -1, 2 ** 31],
    x: [524_287n, -524_288n, -1n, 0n],
  },
];

describe.each(CASES)(
  'Z-70: $shape.rows x $shape.columns, shift $shape.shift',
  ({ shape: linear, entries, bias, x }) => {
    const shape = sumCheckOf(linear);
    const matrix = matrixOf(entries, bias);
    let opened: OpenedShape;
    let proven: SumCheckInputs;
    let witness: readonly bigint[];
    beforeAll(async () => {
      opened = await openShape(shape, folder);
      proven = provenCase(shape, matrix, x);
      witness = await opened.witness(integers(proven));
    });

    test('the honest witness says what a verifier comes to by the rules', () => {
      expect(brokenConstraints(opened.file, witness)).toEqual([]);
      const acc = multiply(matrix.entries, x, matrix.bias);
      const y = acc.map((sum) => rshr(sum, shape.shift));
      const { point } = proven.statement.opening;
      const [commitmentX, commitmentY, , context, digest, biasAtPoint, weightsAtPoint] = witness.slice(1, 8);
      expect([commitmentX, commitmentY, context]).toEqual([
        commitmentOf(commit, { values: x, bits: shape.inputBits, blinding: BLINDINGS.blindingX }),
        commitmentOf(commit, { values: y, bits: shape.outputBits, blinding: BLINDINGS.blindingY }),
        CONTEXT,
      ]);
      expect(digest).toBe(digestMatrix(shape, matrix.weights).digest);
      const powers = matrix.bias.map((_, i) => point.rho ** BigInt(i));
      expect(biasAtPoint).toBe(toField(matrix.bias.reduce((sum, value, i) => sum + value * (powers[i] ?? 0n), 0n)));
      expect(weightsAtPoint).toBe(weightsAt(matrix.weights, point));
      expect(proven.signals).toEqual(witness.slice(1, 8));
    });

    test('Z-76: inputs and blindings force every wire', () => {
      const names = [...GIVEN, ...Object.keys(BLINDINGS)];
      const { values, contradiction } = determine(constraintSystem(opened.file), givenWires(opened, names, witness));
      expect(contradiction).toBeUndefined();
      expect(values.flatMap((value, wire) => (value === witness[wire] ? [] : [opened.names.names.get(wire)]))).toEqual(
        [],
      );
    });

    test('no single wire of a witness has another value', () => {
      expect(harmlessChanges({ opened, file: opened.file, honest: witness })).toEqual([]);
    });
  },
);

test('Z-72, Z-74: lists of more items than a hash takes, and sums that fill an element', async () => {
  const [rows, columns] = [24, 1025];
  const shape = sumCheckOf({ kind: 'linear', rows, columns, inputBits: 16, shift: 216, outputBits: 32 });
  const entries = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => ((i * 7_919 + j * 104_729) % 2 ** 20) - 2 ** 19),
  );
  const x = Array.from({ length: columns }, (_, j) => BigInt(((j * 31) % 2 ** 16) - 2 ** 15));
  const opened = await openShape(shape, folder);
  const proven = provenCase(shape, matrixOf(entries), x);
  expect(proven.statement.opening.point.r).toHaveLength(11);
  const witness = await opened.witness(integers(proven));
  expect(brokenConstraints(opened.file, witness)).toEqual([]);
  expect(proven.signals).toEqual(witness.slice(1, 8));
});

describe('Z-70: rounding', () => {
  const shape = sumCheckOf({ kind: 'linear', rows: 3, columns: 5, inputBits: 16, shift: 10, outputBits: 16 });
  const limit = (2 ** 15 - 1) * 2 ** 10;
  const x = [2n, 1n, -32_768n, 5n, 0n];
  const reaching = (sums: readonly number[]): Matrix =>
    matrixOf(
      sums.map((_, i) => [i, -2 * i, 3, 0, 9]),
      sums.map((sum) => sum + 3 * 32_768),
    );
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });

  test('halves go up, and all that does not saturate is kept', async () => {
    for (const sums of [
      [0, 1, -1],
      [511, 512, -512],
      [-513, 1536, -1536],
      [limit + 511, -limit - 512, limit],
    ]) {
      const proven = provenCase(shape, reaching(sums), x);
      expect(integers(proven).acc).toEqual(sums.map((sum) => toField(BigInt(sum))));
      const witness = await opened.witness(integers(proven));
      expect(brokenConstraints(opened.file, witness)).toEqual([]);
      const y = sums.map((sum) => rshr(BigInt(sum), 10));
      expect(witness[2]).toBe(commitmentOf(commit, { values: y, bits: 16, blinding: BLINDINGS.blindingY }));
    }
  });

  test('what saturates, and an x beyond its bits, has no witness', async () => {
    const honest = integers(provenCase(shape, reaching([0, 1, 2]), x));
    const system = constraintSystem(opened.file);
    const bad = [
      ...[limit + 512, -limit - 513, 2 * limit, -2 * limit].map((sum) => ({ acc: [0n, BigInt(sum), 2n] })),
      ...[32_768n, -32_769n].map((value) => ({ x: [2n, value, -32_768n, 5n, 0n] })),
    ];
    for (const change of bad) {
      const inputs = { ...honest, ...change };
      await expect(opened.witness(fieldInputs(inputs))).rejects.toMatchObject({ code: 'NO_WITNESS' });
      expect(hasNoWitness(opened, system, change)).toBe(true);
    }
  });
});

const fieldInputs = (inputs: CircuitInputs): CircuitInputs =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      name,
      typeof value === 'bigint' ? toField(value) : value.map(toField),
    ]),
  );

describe('Z-76: who wants to prove what is false', () => {
  const shape = sumCheckOf({ kind: 'linear', rows: 3, columns: 5, inputBits: 16, shift: 10, outputBits: 16 });
  const { entries, bias, x } = CASES[1] ?? { entries: [], x: [] };
  const matrix = matrixOf(entries, bias);
  let opened: OpenedShape;
  let proven: SumCheckInputs;
  let honest: CircuitInputs;
  let witness: readonly bigint[];
  beforeAll(async () => {
    opened = await openShape(shape, folder);
    proven = provenCase(shape, matrix, x);
    honest = integers(proven);
    witness = await opened.witness(honest);
  });
  const list = (name: string): readonly bigint[] => honest[name] as readonly bigint[];
  /** Inputs force every wire, so that what the program refuses has no witness at all. */
  const noWitness = async (change: CircuitInputs): Promise<void> => {
    await expect(opened.witness(fieldInputs({ ...honest, ...change }))).rejects.toMatchObject({ code: 'NO_WITNESS' });
  };

  test('a false sum, whether it rounds to another value or not, has no witness beside what the weights come to', async () => {
    const sums = list('acc');
    for (const [i, sum] of sums.entries())
      for (const step of [1n, -1n, 1024n]) await noWitness({ acc: sums.with(i, sum + step) });
    // Two rows swapped.
    const [first = 0n, second = 0n, third = 0n] = sums;
    const inputs = { ...honest, acc: [second, first, third] };
    await noWitness(inputs);
    expect(hasNoWitness(opened, constraintSystem(opened.file), inputs)).toBe(true);
  });

  test('an altered message of any round', async () => {
    for (const name of ['constant', 'square'])
      for (const k of list(name).keys())
        for (const step of [1n, -1n, 2n ** 200n])
          await noWitness({ [name]: list(name).with(k, (list(name)[k] ?? 0n) + step) });
  });

  test('other values of the matrix, another digest, context or blinding: challenges are others, messages do not fit', async () => {
    for (const name of [
      'weightsAtPoint',
      'biasAtPoint',
      'matrix',
      'context',
      'blindingX',
      'blindingY',
      'blindingPoint',
    ])
      await noWitness({ [name]: (honest[name] as bigint) + 1n });
  });

  test('Z-72: sums picked behind rho, which round to the same y, are other sums to rho', () => {
    const system = constraintSystem(opened.file);
    const [first = 0n, ...others] = list('acc');
    const { acc: _, ...rest } = honest;
    const { rho } = proven.statement.opening.point;
    // Without what the weights come to, so that the hash alone is asked.
    const given = { context: CONTEXT, matrix: rest.matrix ?? 0n, x: list('x'), ...BLINDINGS };
    const start = witness.indexOf(rho);
    const contradicts = (acc: readonly bigint[]): boolean => {
      const wires = new Map([[start, rho]]);
      for (const [name, value] of Object.entries({ ...given, acc }))
        if (typeof value === 'bigint') wires.set(opened.wire(name), value);
        else for (const [i, entry] of value.entries()) wires.set(opened.wire(`${name}[${i}]`), entry);
      return determine(system, wires).contradiction !== undefined;
    };
    expect(contradicts([first, ...others])).toBe(false);
    expect(rshr(signed(first) + 1n, 10)).toBe(rshr(signed(first), 10));
    expect(contradicts([toField(first + 1n), ...others])).toBe(true);
  });

  test('digits that are no bits, and packed values that collide', () => {
    const changed = (changes: Readonly<Record<string, bigint>>): readonly number[] => {
      const other = [...witness];
      for (const [name, value] of Object.entries(changes)) {
        const wire = opened.wire(name);
        other[wire] = toField((witness[wire] ?? 0n) + value);
      }
      return brokenConstraints(opened.file, other);
    };
    // The packed element stays the same: both commitments and rho do.
    expect(changed({ 'x[0]': 2n ** 16n, 'x[1]': -1n })).not.toEqual([]);
    expect(changed({ 'acc[0]': 2n ** 26n, 'acc[1]': -1n })).not.toEqual([]);
  });

  test('Z-76: who guesses all but the blinding of the point comes to no coordinate of it', () => {
    const system = constraintSystem(opened.file);
    const { point } = proven.statement.opening;
    const coordinates = [point.rho, ...point.r].map((value) => witness.indexOf(value));
    expect(coordinates).not.toContain(-1);
    for (const [k, wire] of coordinates.entries()) {
      const guessed = givenWires(opened, [...GIVEN, 'blindingX', 'blindingY'], witness);
      for (const before of coordinates.slice(0, k)) guessed.set(before, witness[before] ?? 0n);
      expect(determine(system, guessed).values[wire]).toBeUndefined();
    }
  });

  test('whoever picks what the weights come to gets a witness for any y: only the verifier’s own evaluation refuses it', async () => {
    const adapted = adaptiveInputs(honest, list('acc').with(1, (list('acc')[1] ?? 0n) + 1024n));
    const forged = await opened.witness(adapted.inputs);
    expect(brokenConstraints(opened.file, forged)).toEqual([]);
    expect(forged[7]).toBe(adapted.inputs.weightsAtPoint);
    expect(forged[7]).not.toBe(weightsAt(matrix.weights, adapted.point));
  });

  /** A cheating prover: sums of its own, messages of its own, and the one value of the weights that makes up for it. */
  function adaptiveInputs(inputs: CircuitInputs, acc: readonly bigint[]) {
    const hash = (items: readonly bigint[]): bigint => elementOf(commit.list(items.map(elementBytes)));
    const y = acc.map((sum) => rshr(signed(sum), 10));
    const commitmentY = commitmentOf(commit, { values: y, bits: 16, blinding: BLINDINGS.blindingY });
    const packed = acc.reduceRight((sum, value) => (sum << 26n) + signed(value) + 512n + 2n ** 25n, 0n);
    const { blindingPoint } = BLINDINGS;
    const rho = hash([1n, blindingPoint, CONTEXT, inputs.matrix as bigint, witness[1] ?? 0n, commitmentY, packed]);
    let bent = 0n;
    let claim = 0n;
    for (const [i, sum] of acc.entries()) {
      claim += rho ** BigInt(i) * sum;
      bent += rho ** BigInt(i) * BigInt(bias?.[i] ?? 0);
    }
    const biasAtPoint = toField(bent);
    claim -= biasAtPoint;
    let values = [...x, 0n, 0n, 0n];
    const r: bigint[] = [];
    for (const [k, constant] of list('constant').entries()) {
      const square = list('square')[k] ?? 0n;
      const challenge = hash([2n, blindingPoint, r.at(-1) ?? rho, constant, square]);
      claim = toField(constant + (claim - 2n * constant - square) * challenge + square * challenge * challenge);
      values = values
        .slice(0, values.length / 2)
        .map((low, j) => toField(low + challenge * ((values[j + values.length / 2] ?? 0n) - low)));
      r.push(challenge);
    }
    const weightsAtPoint = toField(claim * invert(values[0] ?? 1n));
    return { point: { rho, r }, inputs: { ...inputs, acc, biasAtPoint, weightsAtPoint } };
  }
});

function signed(value: bigint): bigint {
  return value > FIELD_ORDER / 2n ? value - FIELD_ORDER : value;
}
