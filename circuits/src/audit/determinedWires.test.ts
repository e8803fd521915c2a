import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTensorCommitter } from '../commitment/openTensorCommitter.ts';
import { type Combination, constraintsOf, type R1csFile } from '../r1cs/r1csFile.ts';
import { brokenConstraints } from '../r1cs/witnessFile.ts';
import type {
  AttentionShape,
  HeadShape,
  HiddenShape,
  LinearShape,
  NormShape,
  ResidualShape,
  RotatedShape,
} from '../shapes/shape.ts';
import { constraintSystem, determine } from './determinedWires.ts';
import { inverseRoot } from './exactReference.ts';
import { toField } from './field.ts';
import { type OpenedShape, openShape } from './openShape.ts';
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
  rotatedCase,
} from './operatorCase.ts';
import { r1csBytes } from './r1csBytes.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-determined-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of its own, of constraints a * b = c. */
function fileOf(wires: number, constraints: readonly (readonly [Combination, Combination, Combination])[]): R1csFile {
  return r1csBytes({ wires, constraints });
}

describe('what it knows of small systems', () => {
  const sum: Combination = [
    [1, 1n],
    [2, 2n],
    [3, 4n],
    [4, -1n],
  ];
  const boolean = (wire: number): readonly [Combination, Combination, Combination] => [
    [[wire, 1n]],
    [
      [wire, 1n],
      [0, -1n],
    ],
    [],
  ];
  const valuesOf = (file: R1csFile, given: Readonly<Record<number, bigint>>): readonly (bigint | undefined)[] =>
    determine(constraintSystem(file), new Map(Object.entries(given).map(([wire, value]) => [Number(wire), value])))
      .values;

  test('bits of a known sum are forced', () => {
    const file = fileOf(5, [boolean(1), boolean(2), boolean(3), [[], [], sum]]);
    expect(valuesOf(file, { 4: 5n })).toEqual([1n, 1n, 0n, 1n, 5n]);
  });

  test('bits of which one is not held to 0 and 1 are free', () => {
    const file = fileOf(5, [boolean(1), boolean(2), [[], [], sum]]);
    expect(valuesOf(file, { 4: 5n })).toEqual([1n, undefined, undefined, undefined, 5n]);
  });

  test('two bits of one weight are free', () => {
    const twice: Combination = [
      [1, 1n],
      [2, 1n],
      [3, -1n],
    ];
    expect(valuesOf(fileOf(4, [boolean(1), boolean(2), [[], [], twice]]), { 3: 1n })).toEqual([
      1n,
      undefined,
      undefined,
      1n,
    ]);
  });

  test('a sum that is beyond its bits has no witness', () => {
    const file = fileOf(5, [boolean(1), boolean(2), boolean(3), [[], [], sum]]);
    const system = constraintSystem(file);
    expect(determine(system, new Map([[4, 8n]])).contradiction).toBe(4);
    expect(determine(system, new Map([[4, -1n]])).contradiction).toBe(4);
  });

  test('a product with 0 forces nothing, one with another number does', () => {
    const file = fileOf(4, [[[[1, 1n]], [[2, 1n]], [[3, 1n]]]]);
    expect(valuesOf(file, { 1: 0n })).toEqual([1n, 0n, undefined, 0n]);
    expect(valuesOf(file, { 1: 2n, 3: 6n })).toEqual([1n, 2n, 3n, 6n]);
  });

  // 3, with 4 as what selects it among the numbers 1 and 2: (3 - 1) (4) = 0 and (3 - 2) (1 - 4) = 0.
  const differs = (wire: number): Combination => [
    [3, 1n],
    [wire, -1n],
  ];
  const chosen: readonly (readonly [Combination, Combination, Combination])[] = [
    [differs(1), [[4, 1n]], []],
    [
      differs(2),
      [
        [0, 1n],
        [4, -1n],
      ],
      [],
    ],
  ];

  test('what must be one of two equal numbers is forced, which of them it is taken from is not', () => {
    expect(valuesOf(fileOf(5, chosen), { 1: 7n, 2: 7n })).toEqual([1n, 7n, 7n, 7n, undefined]);
    expect(valuesOf(fileOf(5, chosen), { 1: 7n, 2: 8n })).toEqual([1n, 7n, 8n, undefined, undefined]);
  });

  test('of two numbers only the possible one is left, and then the choice', () => {
    const file = fileOf(5, [...chosen, boolean(3)]);
    expect(valuesOf(file, { 1: 1n, 2: 8n })).toEqual([1n, 1n, 8n, 1n, 1n]);
    expect(
      determine(
        constraintSystem(file),
        new Map([
          [1, 9n],
          [2, 8n],
        ]),
      ).contradiction,
    ).toBeDefined();
  });

  test('if the other factors can all be 0, nothing is forced', () => {
    const file = fileOf(5, [
      [differs(1), [[4, 1n]], []],
      [differs(2), [[4, 2n]], []],
    ]);
    expect(valuesOf(file, { 1: 7n, 2: 7n })).toEqual([1n, 7n, 7n, undefined, undefined]);
  });
});

interface Leftover {
  readonly pattern: RegExp;
  /** Why it may be free. */
  readonly because: string;
  /** Whether it may be free for a witness at all. */
  readonly holds: (witness: readonly bigint[], wire: (name: string) => number, name: string) => boolean;
}

const LEFTOVERS: readonly Leftover[] = [
  {
    pattern: /\.(isFar|beyond)\.inverse$/,
    because: 'NonZero: v * inverse is 0 for v = 0 whatever the inverse is, and nothing else reads it.',
    holds: (witness, wire, name) => witness[wire(name.replace('inverse', 'v'))] === 0n,
  },
  {
    pattern: /\.size\.negative$/,
    because: 'Magnitude: 0 has either sign, its magnitude is 0 with both, and nothing else reads the sign.',
    holds: (witness, wire, name) => witness[wire(name.replace(/^gated(.*)\.size.negative$/, 'g$1'))] === 0n,
  },
  {
    pattern: /^touches\[\d+\]\[\d+\]$/,
    because: 'Attention: of equal scores at the top any may be touched, their sum is 1, and nothing else reads which.',
    holds: (witness, wire, name) => {
      const [head = 0, position = 0] = [...name.matchAll(/\d+/g)].map(Number);
      const count = Number(witness[wire('count')]);
      const scores = Array.from({ length: count }, (_, t) =>
        toField([0, 1].reduce((sum, i) => sum + (witness[wire(`product[${head}][${t}][${i}]`)] ?? 0n), 0n)),
      );
      const top = witness[wire(`top[${head}]`)];
      return scores[position] === top && scores.filter((score) => score === top).length > 1;
    },
  },
];

/** Forced values equal the witness's, and only hints that may be free are free. Gives the names of those. */
async function auditedLeftovers(
  shape: OpenedShape,
  { inputs }: OperatorCase,
  given: readonly string[],
  matrix?: Matrix,
): Promise<readonly string[]> {
  const file = matrix === undefined ? shape.file : shape.withRows(matrix.weights);
  const witness = await shape.witness(inputs);
  expect(brokenConstraints(file, witness)).toEqual([]);
  const wires = [...shape.names.wires].filter(([name]) => given.includes(name.replace(/(\[\d+\])+$/, '')));
  const { values, contradiction } = determine(
    constraintSystem(file),
    new Map(wires.map(([, wire]) => [wire, witness[wire] ?? 0n])),
  );
  expect(contradiction).toBeUndefined();
  const free: string[] = [];
  for (const [wire, value] of values.entries()) {
    if (value !== undefined) expect(value).toBe(witness[wire]);
    else free.push(shape.names.names.get(wire) ?? `wire ${wire}`);
  }
  for (const name of free) {
    const allowed = LEFTOVERS.find(({ pattern }) => pattern.test(name));
    expect(allowed, name).toBeDefined();
    expect(
      allowed?.holds(witness, (other) => shape.wire(other), name),
      name,
    ).toBe(true);
  }
  return free;
}

const mixed = (rows: number, columns: number): readonly (readonly number[])[] =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => ((i * 37 + j * 91) % 255) - 127));
const X = [1n, -2n, 30_000n, -32_768n, 32_767n, 0n];

test('linear: x, its blindings and the rows force everything', async () => {
  const shape: LinearShape = { kind: 'linear', rows: 8, columns: 6, inputBits: 16, shift: 10, outputBits: 16 };
  const opened = await openShape(shape, folder);
  const matrix = matrixOf(mixed(8, 6), [1, -2, 300, -4, 5, 0, 7, 8]);
  const given = ['context', 'blindingX', 'blindingY', 'x'];
  expect(await auditedLeftovers(opened, linearCase(shape, matrix, X), given, matrix)).toEqual([]);
  // Without the rows, acc is free and y with it: this is what the rows are for.
  const witness = await opened.witness(linearCase(shape, matrix, X).inputs);
  const { values } = determine(
    constraintSystem(opened.file),
    new Map(given.flatMap((name) => wiresOf(opened, name)).map((wire) => [wire, witness[wire] ?? 0n])),
  );
  expect(wiresOf(opened, 'acc').map((wire) => values[wire])).toEqual(Array(8).fill(undefined));
  expect(values[opened.wire('commitmentY')]).toBeUndefined();
  expect(values[opened.wire('commitmentX')]).toBe(witness[opened.wire('commitmentX')]);
});

describe('rotated', () => {
  test.each(['neighbours', 'halves'] as const)(
    '%s: x, the angles, the blindings and the rows force everything',
    async (pairs) => {
      const shape: RotatedShape = {
        kind: 'rotated',
        rows: 8,
        columns: 6,
        inputBits: 16,
        shift: 8,
        headSize: 4,
        pairs,
        fraction: 12,
        outputBits: 16,
      };
      const matrix = matrixOf(mixed(8, 6), [1, -2, 300, -4, 5, 0, 7, 8]);
      const opened = await openShape(shape, folder);
      const one = rotatedCase(shape, matrix, { x: X, angles: [16_384n, 0n, -11_585n, 11_585n] });
      const given = ['context', 'blindingX', 'blindingY', 'x', 'angles'];
      expect(await auditedLeftovers(opened, one, given, matrix)).toEqual([]);
      const witness = await opened.witness(one.inputs);
      const commit = await openTensorCommitter();
      for (const [signal, tensor] of Object.entries(one.tensors))
        expect(witness[opened.wire(signal)], signal).toBe(commitmentOf(commit, tensor));
    },
  );
});

test('residual: r, x, the blindings and the rows force everything', async () => {
  const shape: ResidualShape = { kind: 'residual', rows: 8, columns: 6, inputBits: 16, shift: 16 };
  const matrix = matrixOf(mixed(8, 6), [1, -2, 3, -4, 5, 6, 7, 8]);
  const r = [1n, 2n, -3n, 2n ** 31n - 300n, 300n - 2n ** 31n, 0n, 7n, 8n];
  const given = ['context', 'blindingX', 'blindingR', 'blindingY', 'x', 'r'];
  const opened = await openShape(shape, folder);
  expect(await auditedLeftovers(opened, residualCase(shape, matrix, { x: X, r }), given, matrix)).toEqual([]);
});

test('norm: with the root, which two inequalities force, x and the rows force everything; no root beside it has a witness', async () => {
  const shape: NormShape = { kind: 'norm', width: 6, epsilon: 6 * 42_950, shift: 36, outputBits: 16 };
  const matrix = diagonalOf([16_384, -3000, 20_000, 16_384, 7, 0]);
  const opened = await openShape(shape, folder);
  for (const x of [X.map((value) => value * 1000n), X.map(() => 0n)])
    expect(
      await auditedLeftovers(
        opened,
        normCase(shape, matrix, x),
        ['context', 'blindingX', 'blindingY', 'x', 'r'],
        matrix,
      ),
    ).toEqual([]);
  const system = constraintSystem(opened.file);
  for (const x of [X.map((value) => value * 1000n), X.map(() => 0n), X.map(() => 2n ** 31n - 1n)]) {
    const root = inverseRoot(x, BigInt(shape.epsilon));
    const isPossible = (r: bigint): boolean =>
      determine(
        system,
        new Map([
          ...wiresOf(opened, 'x').map((wire, i): [number, bigint] => [wire, x[i] ?? 0n]),
          [opened.wire('r'), r],
          [opened.wire('blindingX'), 1n],
          [opened.wire('context'), 1n],
        ]),
      ).contradiction === undefined;
    expect(isPossible(root)).toBe(true);
    // Roots nearby, the negative one, and those that would be right if a square wrapped around.
    const others = [root - 1n, root + 1n, root - 2n, root + 2n, 2n * root, 0n, 1n, 2n ** 32n - 1n, 2n ** 32n, -root];
    expect(others.filter((r) => r !== root && isPossible(r))).toEqual([]);
  }
});

describe('hidden', () => {
  test.each([
    { gateFraction: 14, g: [0n, -5n, 300_000n, -524_287n], u: [1n, -524_288n, 524_287n, 0n], free: 3 },
    { gateFraction: 1, g: [-31n, 32n], u: [-5n, 7n], free: 1 },
    { gateFraction: 16, g: [-524_287n, 0n], u: [5n, 7n], free: 1 },
  ])('g of $gateFraction fraction bits: g, u and the blindings force all but hints of 0', async (sample) => {
    const { gateFraction, g, u, free } = sample;
    const shape: HiddenShape = { kind: 'hidden', width: g.length, gateFraction, shift: 25 };
    const opened = await openShape(shape, folder);
    const given = ['context', 'blindingG', 'blindingU', 'blindingY', 'g', 'u'];
    expect(await auditedLeftovers(opened, hiddenCase(shape, { g, u }), given)).toHaveLength(free);
  });
});

describe('attention', () => {
  const shape: AttentionShape = {
    kind: 'attention',
    heads: 2,
    keyHeads: 1,
    headSize: 2,
    positions: 4,
    bits: 16,
    shift: 10,
  };
  const given = ['context', 'count', 'blindingQ', 'blindingO', 'blindingK', 'blindingV', 'q', 'k', 'v'];
  // The first head's scores: the highest twice, one less than half a step below it, and one far away. All of the second's are below 0.
  const q = [40n, -30n, -5n, 900n];
  const past = {
    keys: [
      [300n, -20n],
      [290n, -20n],
      [300n, -20n],
      [-7n, -9000n],
    ],
    values: [
      [1n, -32_767n],
      [20_000n, 30n],
      [-4n, 7n],
      [32_767n, 0n],
    ],
  };
  const upTo = (count: number): OperatorCase =>
    attentionCase(shape, { keys: past.keys.slice(0, count), values: past.values.slice(0, count) }, q);
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });

  test('q, keys, values and the blindings force all but hints, of every head, with positions that are not there', async () => {
    const free = await auditedLeftovers(opened, upTo(3), given);
    // Nothing is far enough below the top to be cut off, so that no inverse is forced.
    expect(free).toEqual([
      'touches[0][0]',
      'touches[0][2]',
      ...[0, 1].flatMap((h) => [0, 1, 2, 3].map((t) => `power[${h}][${t}].beyond.inverse`)),
    ]);
  });

  test('over all positions', async () => {
    const free = await auditedLeftovers(opened, upTo(4), given);
    // The last one is the top: who is equal below it may not be touched.
    expect(free.filter((name) => !name.endsWith('.beyond.inverse'))).toEqual([]);
  });

  /** Audits without one constraint, the shortest that has these wires. Hashes of what is read are given as well. */
  const freeWithout = async (count: number, dropped: readonly string[]): Promise<readonly string[]> => {
    const witness = await opened.witness(upTo(count).inputs);
    const wanted = dropped.map((name) => opened.wire(name));
    const all = [...constraintsOf(opened.file)].map((constraint) => {
      const { a, b, c } = constraint;
      return { constraint, wires: new Set([...a, ...b, ...c].map(([wire]) => wire).filter((wire) => wire !== 0)) };
    });
    const named = all.filter(({ wires }) => wanted.every((wire) => wires.has(wire)));
    const shortest = Math.min(...named.map(({ wires }) => wires.size));
    const found = named.filter(({ wires }) => wires.size === shortest);
    expect(found.length).toBe(1);
    const rest = all.filter((one) => one !== found[0]).map(({ constraint }) => constraint);
    const file = r1csBytes({
      wires: opened.file.header.wires,
      constraints: rest.map(({ a, b, c }) => [a, b, c] as const),
    });
    const known = [...opened.names.wires].filter(
      ([name]) => given.includes(name.replace(/(\[\d+\])+$/, '')) || /^(query|keys|values)\b.*hash/.test(name),
    );
    const { values } = determine(constraintSystem(file), new Map(known.map(([, wire]) => [wire, witness[wire] ?? 0n])));
    return values.flatMap((value, wire) => (value === undefined ? (opened.names.names.get(wire) ?? '') : []));
  };

  // With all constraints none of these is free, as above.
  test.each([
    { what: 'where positions end', count: 3, without: ['isThere[1]', 'isThere[2]', 'count'], free: 'isThere[2]' },
    { what: 'a product of a score', count: 4, without: ['q[0]', 'k[1][0]'], free: 'product[0][1][0]' },
    { what: 'the touched score', count: 4, without: ['touches[0][1]', 'top[0]'], free: 'top[0]' },
    // The score of a position that is not there is 0, above all others.
    { what: 'touching what is there', count: 3, without: ['touches[1][0]', 'isThere[3]'], free: 'top[1]' },
    { what: 'a distance from the top', count: 4, without: ['below[0][1]', 'top[0]'], free: 'below[0][1]' },
    {
      what: 'a digit of a distance',
      count: 4,
      without: ['power[0][1].bits.bits[5]'],
      free: 'power[0][1].bits.bits[5]',
    },
    // The second score is less than half a step below the first.
    { what: 'no score above the top', count: 2, without: ['power[0][0].isNotNegative.inverse'], free: 'top[0]' },
    { what: 'a weight', count: 4, without: ['weight[0][1]', 'isThere[1]'], free: 'weight[0][1]' },
    { what: 'a weighted value', count: 4, without: ['weight[0][1]', 'v[1][0]'], free: 'mixed[0][0][1]' },
    { what: 'the quotient', count: 4, without: ['output_[1]', 'weight[0][0]'], free: 'output_[1]' },
    { what: 'a rest from 0 on', count: 4, without: ['isRest[1].bits[26]'], free: 'output_[1]' },
    { what: 'a rest below the divisor', count: 4, without: ['isBelow[2].bits[26]'], free: 'output_[2]' },
    { what: 'a digit of the result', count: 4, without: ['to.range[0].bits.bits[3]'], free: 'output_[0]' },
  ])('without the constraint on $what it says what is free', async ({ count, without, free }) => {
    expect(await freeWithout(count, without)).toContain(free);
  });
});

describe('head', () => {
  const shape: HeadShape = { kind: 'head', vocabulary: 7, columns: 6, inputBits: 16, shift: 10, logitBits: 32 };
  let opened: OpenedShape;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
  });
  const given = ['context', 'blindingX', 'x', 'token'];

  test.each([0, 1, 2, 3, 4, 5, 6])('x and token %i force everything, the highest logit among it', async (token) => {
    const matrix = matrixOf(mixed(7, 6).map((row, i) => (i === token ? [0, 0, 127, -127, 127, 0] : row)));
    const one = headCase(shape, matrix, X);
    expect(one.token).toBe(token);
    expect(await auditedLeftovers(opened, one, given, matrix)).toEqual([]);
  });

  test('of equal logits no token but the first has a witness', async () => {
    const rows = mixed(7, 6).map((row, i) => (i === 2 || i === 4 ? [0, 0, 127, -127, 127, 0] : row));
    const matrix = matrixOf(rows);
    const one = headCase(shape, matrix, X);
    expect(one.token).toBe(2);
    expect(await auditedLeftovers(opened, one, given, matrix)).toEqual([]);
    const system = constraintSystem(opened.withRows(matrix.weights));
    for (const token of [0n, 1n, 3n, 4n, 5n, 6n, 7n, 8n, -1n]) {
      const wires = new Map(wiresOf(opened, 'x').map((wire, i) => [wire, X[i] ?? 0n]));
      wires.set(opened.wire('token'), token).set(opened.wire('blindingX'), 1n).set(opened.wire('context'), 1n);
      expect(determine(system, wires).contradiction, `token ${token}`).toBeDefined();
    }
  });
});

function wiresOf(shape: OpenedShape, name: string): readonly number[] {
  return [...shape.names.wires].filter(([other]) => other.replace(/\[\d+\]$/, '') === name).map(([, wire]) => wire);
}
