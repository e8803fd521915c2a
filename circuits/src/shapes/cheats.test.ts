import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { constraintSystem } from '../audit/determinedWires.ts';
import { gated, inverseRoot, multiply, rshr } from '../audit/exactReference.ts';
import { toField } from '../audit/field.ts';
import { harmlessChanges } from '../audit/harmlessChanges.ts';
import { hasNoWitness } from '../audit/hasNoWitness.ts';
import { type CircuitInputs, type OpenedShape, openShape } from '../audit/openShape.ts';
import {
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
import type { R1csFile } from '../r1cs/r1csFile.ts';
import { brokenConstraints } from '../r1cs/witnessFile.ts';
import type { AttentionShape, HeadShape, HiddenShape, LinearShape, NormShape, ResidualShape } from './shape.ts';

/** A shape, the rows of a matrix and an honest witness, from which cheats begin. */
interface Scene {
  readonly opened: OpenedShape;
  readonly file: R1csFile;
  readonly honest: readonly bigint[];
  readonly inputs: CircuitInputs;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karmesh-cheats-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function sceneOf(opened: OpenedShape, { inputs }: OperatorCase, matrix?: Matrix): Promise<Scene> {
  const file = matrix === undefined ? opened.file : opened.withRows(matrix.weights);
  const honest = await opened.witness(inputs);
  expect(brokenConstraints(file, honest)).toEqual([]);
  return { opened, file, honest, inputs };
}

type Changes = ReadonlyMap<string, bigint>;

/** A witness with other values in wires that have these names; names without a wire are of signals that circom substitutes. */
function changed({ opened }: Scene, witness: readonly bigint[], changes: Changes): readonly bigint[] {
  const result = [...witness];
  let count = 0;
  for (const [name, value] of changes) {
    const wire = opened.names.wires.get(name);
    if (wire === undefined) continue;
    result[wire] = toField(value);
    count++;
  }
  expect(count).toBeGreaterThan(0);
  return result;
}

/** `witness`, with all wires from another one whose names a pattern matches. */
function spliced(
  { opened }: Scene,
  witness: readonly bigint[],
  other: readonly bigint[],
  pattern: RegExp,
): readonly bigint[] {
  return changed(
    { opened } as Scene,
    witness,
    new Map(
      [...opened.names.wires].filter(([name]) => pattern.test(name)).map(([name, wire]) => [name, other[wire] ?? 0n]),
    ),
  );
}

/** The lowest binary digits of a value, as wires NAME[i]. */
function digits(name: string, value: bigint, count: number): readonly (readonly [string, bigint])[] {
  return Array.from({ length: count }, (_, i) => [`${name}[${i}]`, (toField(value) >> BigInt(i)) & 1n] as const);
}

/** The witness program takes sums as inputs, so that it recomputes all that lies behind a wrong one: rounding, bits, commitments. */
async function withInputs({ opened, inputs }: Scene, other: CircuitInputs): Promise<readonly bigint[]> {
  return opened.witness({ ...inputs, ...other });
}

const rowsOf = ({ opened, file }: Scene): readonly number[] =>
  Array.from(
    { length: file.header.constraints - opened.file.header.constraints },
    (_, i) => opened.file.header.constraints + i,
  );

function numbersOf(inputs: CircuitInputs, name: string): readonly bigint[] {
  const value = inputs[name];
  if (typeof value !== 'object') throw new Error(`${name} is not a list.`);
  return value;
}

describe('linear', () => {
  const shape: LinearShape = { kind: 'linear', rows: 3, columns: 4, inputBits: 16, shift: 10, outputBits: 16 };
  const matrix = matrixOf(
    [
      [1, -2, 3, 400],
      [50, 6, -7, 8],
      [9, 0, 1100, -12],
    ],
    [100_000, 0, -5],
  );
  const x = [300n, -4000n, 25_000n, -32_768n];
  let scene: Scene;
  beforeAll(async () => {
    scene = await sceneOf(await openShape(shape, folder), linearCase(shape, matrix, x), matrix);
  });
  const acc = (): readonly bigint[] => numbersOf(scene.inputs, 'acc');

  test('y is one off, with its bits and its commitment recomputed: the row alone breaks', async () => {
    for (const [i, row] of rowsOf(scene).entries())
      for (const step of [1024n, -1024n, 1n]) {
        const cheat = await withInputs(scene, { acc: acc().map((sum, at) => (at === i ? sum + step : sum)) });
        expect(brokenConstraints(scene.file, cheat)).toEqual([row]);
        expect(brokenConstraints(scene.opened.file, cheat)).toEqual([]);
      }
  });

  test('rows are swapped, or a bias is left out', async () => {
    const [first, second, third] = rowsOf(scene);
    const [a = 0n, b = 0n, c = 0n] = acc();
    expect(brokenConstraints(scene.file, await withInputs(scene, { acc: [b, a, c] }))).toEqual([first, second]);
    expect(brokenConstraints(scene.file, await withInputs(scene, { acc: multiply(matrix.entries, x) }))).toEqual([
      first,
      third,
    ]);
  });

  test('another x with the same commitment, by a value that goes over into its neighbour', async () => {
    const other = [x[0] ?? 0n, (x[1] ?? 0n) + 65_536n, (x[2] ?? 0n) - 1n, x[3] ?? 0n];
    const behind = await withInputs(scene, { acc: multiply(matrix.entries, other, matrix.bias) });
    const wires = new Map(other.map((value, j) => [`x[${j}]`, value]));
    const bitsOfX2 = digits('from.range[2].bits.bits', (other[2] ?? 0n) + 32_768n, 16);
    // The excess stands in the highest bit, which circom has substituted, or in one of the others.
    for (let bit = -1; bit < 15; bit++) {
      const cheat = changed(scene, behind, new Map([...wires, ...bitsOfX2]));
      const name = `from.range[1].bits.bits[${bit}]`;
      const excess =
        bit < 0
          ? cheat
          : changed(scene, cheat, new Map([[name, (cheat[scene.opened.wire(name)] ?? 0n) + (65_536n >> BigInt(bit))]]));
      expect(excess[1]).toBe(scene.honest[1]);
      expect(brokenConstraints(scene.file, excess)).toHaveLength(1);
    }
  });

  test('another y with the same commitment', () => {
    const out = [0, 1].map((i) => scene.honest[scene.opened.wire(`rounded[${i}].out`)] ?? 0n);
    const one = new Map([
      ['rounded[0].out', (out[0] ?? 0n) + 65_536n],
      ['rounded[1].out', (out[1] ?? 0n) - 1n],
    ]);
    const bits = digits('rounded[1].bits.bits', (acc()[1] ?? 0n) + 512n + (1n << 25n) - 1024n, 26);
    expect(brokenConstraints(scene.file, changed(scene, scene.honest, one))).not.toEqual([]);
    expect(brokenConstraints(scene.file, changed(scene, scene.honest, new Map([...one, ...bits])))).not.toEqual([]);
  });

  test('an output that saturates, as the limit or as the lowest number', async () => {
    const highest = 32_767n * 1024n + 511n;
    const steep = matrixOf(
      [
        [1, -2, 3, 400],
        [50, 6, -7, 8],
        [9, 0, 1100, -12],
      ],
      [0, 0, Number(highest) + 1 - 27_895_916],
    );
    const sum = multiply(steep.entries, x, steep.bias);
    expect(sum[2]).toBe(highest + 1n);
    const file = scene.opened.withRows(steep.weights);
    const clamped = await withInputs(scene, { acc: sum.map((value) => (value > highest ? highest : value)) });
    expect(brokenConstraints(file, clamped)).toEqual([rowsOf(scene)[2]]);
    const named = { ...scene, file };
    expect(brokenConstraints(file, changed(named, clamped, new Map([['acc[2]', highest + 1n]])))).not.toEqual([]);
    expect(hasNoWitness(scene.opened, constraintSystem(file), { ...scene.inputs, acc: sum })).toBe(true);
    // -2^15 has bits, and is what sat_16 never lets through.
    const lowest = -32_768n * 1024n;
    expect(
      hasNoWitness(scene.opened, constraintSystem(scene.opened.file), { ...scene.inputs, acc: [lowest, 0n, 0n] }),
    ).toBe(true);
    const almost = await withInputs(scene, { acc: [lowest + 1024n, 0n, 0n] });
    const bits = digits('rounded[0].bits.bits', lowest + 512n + (1n << 25n), 26);
    for (const inverse of [0n, 1n])
      expect(
        brokenConstraints(
          scene.opened.file,
          changed(
            scene,
            almost,
            new Map([['acc[0]', lowest], ['rounded[0].out', 0n], ['rounded[0].some.inverse', inverse], ...bits]),
          ),
        ),
      ).not.toEqual([]);
  });

  test('another blinding with the same commitment, the hash recomputed or not', async () => {
    const { honest, file, opened } = scene;
    for (const [blinding, hash, commitment] of [
      ['blindingX', /^from\.tensor\./, 1],
      ['blindingY', /^to\./, 2],
    ] as const) {
      expect(brokenConstraints(file, changed(scene, honest, new Map([[blinding, 5n]])))).not.toEqual([]);
      const other = await withInputs(scene, { [blinding]: 5n });
      const cheat = changed(scene, spliced(scene, honest, other, hash), new Map([[blinding, 5n]]));
      expect(cheat[commitment]).toBe(honest[commitment]);
      expect(brokenConstraints(file, cheat)).not.toEqual([]);
      expect(opened.circuit.signals[commitment - 1]).toBe(blinding.replace('blinding', 'commitment'));
    }
  });

  test('another context for the same proof', () => {
    const cheat = changed(scene, scene.honest, new Map([['context', 7n]]));
    expect(brokenConstraints(scene.file, cheat)).toHaveLength(1);
  });

  test('any wire alone', () => {
    expect(harmlessChanges(scene)).toEqual([]);
  });
});

describe('residual', () => {
  const shape: ResidualShape = { kind: 'residual', rows: 3, columns: 4, inputBits: 16, shift: 10 };
  const matrix = matrixOf(
    [
      [1, -2, 3, 400],
      [50, 6, -7, 8],
      [9, 0, 1100, -12],
    ],
    [100_000, 0, -5],
  );
  const x = [300n, -4000n, 25_000n, -32_768n];
  const r = [-(2n ** 31n), 5n, 2n ** 30n];
  let scene: Scene;
  beforeAll(async () => {
    const positive = matrixOf(
      matrix.entries.map((row) => row.map(Number)),
      [20_000_000, 0, -5],
    );
    scene = await sceneOf(await openShape(shape, folder), residualCase(shape, positive, { x, r }), positive);
  });

  test('the sum is one off, and all behind it recomputed', async () => {
    const acc = numbersOf(scene.inputs, 'acc');
    for (const [i, row] of rowsOf(scene).entries()) {
      const cheat = await withInputs(scene, { acc: acc.map((sum, at) => (at === i ? sum + 1024n : sum)) });
      expect(brokenConstraints(scene.file, cheat)).toEqual([row]);
    }
  });

  test('another r with the same commitment, y recomputed', async () => {
    const other = [r[0] ?? 0n, (r[1] ?? 0n) + 1n, r[2] ?? 0n];
    const recomputed = await withInputs(scene, { r: other });
    expect(brokenConstraints(scene.file, recomputed)).toEqual([]);
    expect(recomputed[2]).not.toBe(scene.honest[2]);
    const kept = changed(scene, recomputed, new Map([['commitmentR', scene.honest[2] ?? 0n]]));
    expect(brokenConstraints(scene.file, kept)).not.toEqual([]);
    const hash = spliced(scene, recomputed, scene.honest, /^(commitmentR$|old\.)/);
    expect(brokenConstraints(scene.file, hash)).not.toEqual([]);
    // Over into the neighbour: the packed element stays.
    const over = changed(
      scene,
      scene.honest,
      new Map([
        ['r[1]', 5n + 2n ** 32n],
        ['r[2]', 2n ** 30n - 1n],
      ]),
    );
    const bits = digits('old.range[2].bits.bits', 2n ** 30n - 1n + 2n ** 31n, 32);
    expect(brokenConstraints(scene.file, changed(scene, over, new Map(bits)))).not.toEqual([]);
  });

  test('any wire alone', () => {
    expect(harmlessChanges(scene)).toEqual([]);
  });
});

describe('norm', () => {
  const shape: NormShape = { kind: 'norm', width: 4, epsilon: 4 * 42_950, shift: 36, outputBits: 16 };
  const weights = [16_384, -3000, 20_000, 7];
  const matrix = diagonalOf(weights);
  const x = [65_536n, -1_000_000n, 30_000n, 7n];
  const root = inverseRoot(x, BigInt(shape.epsilon));
  let scene: Scene;
  beforeAll(async () => {
    scene = await sceneOf(await openShape(shape, folder), normCase(shape, matrix, x), matrix);
  });

  /** All that a root leads to, with whatever digits the inequalities' differences have. */
  async function withRoot(r: bigint): Promise<readonly bigint[]> {
    const xr = x.map((value) => value * r);
    const behind = await withInputs(scene, { z: multiply(matrix.entries, xr) });
    const squares = x.reduce((sum, value) => sum + value * value, BigInt(shape.epsilon));
    const whole = BigInt(shape.width) << 68n;
    const low = r * r * squares;
    const high = (r * r + 2n * r + 1n) * squares;
    return changed(
      scene,
      behind,
      new Map([
        ['r', r],
        ['below', r * r],
        ['low', low],
        ['high', high],
        ...digits('range.bits', r, 32),
        ...digits('isLow.bits', whole - low, 71),
        ...digits('isHigh.bits', high - whole - 1n, 71),
        ...xr.map((value, i) => [`xr[${i}]`, value] as const),
      ]),
    );
  }

  test('with the right root, what is forged is the honest witness', async () => {
    expect(await withRoot(root)).toEqual(scene.honest);
  });

  test('a wrong root breaks one of the inequalities and nothing else', async () => {
    for (const r of [root - 1n, root + 1n, root - 1000n, root + 1000n]) {
      const cheat = await withRoot(r);
      expect(brokenConstraints(scene.file, cheat).length, `root ${r}`).toBe(1);
    }
  });

  test('a wrong x * r with its z, and a wrong z', async () => {
    const z = numbersOf(scene.inputs, 'z');
    const xr = numbersOf(scene.inputs, 'xr');
    for (const [i, row] of rowsOf(scene).entries()) {
      const off = z.map((value, at) => (at === i ? value + BigInt(weights[at] ?? 0) * 1_000_000n : value));
      const wrongZ = await withInputs(scene, { z: off });
      expect(brokenConstraints(scene.file, wrongZ)).toEqual([row]);
      const wrongBoth = changed(scene, wrongZ, new Map([[`xr[${i}]`, (xr[i] ?? 0n) + 1_000_000n]]));
      const broken = brokenConstraints(scene.file, wrongBoth);
      expect(broken).toHaveLength(1);
      expect(broken[0]).toBeLessThan(scene.opened.file.header.constraints);
    }
  });

  test('a square that is one off, with the root that belongs to it', async () => {
    const cheat = changed(scene, scene.honest, new Map([['square[0]', (x[0] ?? 0n) ** 2n + 1n]]));
    expect(brokenConstraints(scene.file, cheat)).not.toEqual([]);
  });

  test('any wire alone', () => {
    expect(harmlessChanges(scene)).toEqual([]);
  });
});

describe('head', () => {
  const shape: HeadShape = { kind: 'head', vocabulary: 5, columns: 3, inputBits: 16, shift: 10, logitBits: 32 };
  // Logits: the best is 3, the second best 1, and 4 equals 3 when rounded.
  const sums = [0, 6000, -9000, 7168 - 512, 7168 + 511];
  const x = [3n, -4n, 32_767n];
  const matrix = matrixOf(
    sums.map((_, i) => [i, 2 * i, 0]),
    sums.map((sum, i) => sum + 5 * i),
  );
  let scene: Scene;
  beforeAll(async () => {
    const one = headCase(shape, matrix, x);
    expect(one.token).toBe(3);
    scene = await sceneOf(await openShape(shape, folder), one, matrix);
  });

  /** All that a token and a top lead to, with other sums if given. */
  function claiming(token: number, top: bigint, acc: readonly bigint[] = sums.map(BigInt)): readonly bigint[] {
    const changes = new Map<string, bigint>([
      ['token', BigInt(token)],
      ['top', top],
      ...digits('range.bits.bits', top + (1n << 31n), 32),
      ...acc.map((sum, i) => [`acc[${i}]`, sum] as const),
    ]);
    let ownGap = 0n;
    for (const [i, sum] of acc.entries()) {
      changes.set(`step[${i}]`, i <= token ? 1n : 0n);
      const next = i < token && i < acc.length - 1 ? 1n : 0n;
      const gap = (top + 1n - next) * 1024n - 1n - 512n - sum;
      const own = ((i <= token ? 1n : 0n) - next) * gap;
      changes.set(`gap[${i}]`, gap).set(`own[${i}]`, own);
      ownGap += own;
      for (const [name, bit] of digits(`isBelow[${i}].bits`, gap, 43)) changes.set(name, bit);
    }
    for (const [name, bit] of digits('isOwn.bits', ownGap, 10)) changes.set(name, bit);
    const offset = toField(top + (1n << 31n));
    changes.set('aboveLowest', offset * (offset - 1n));
    // The inverse belongs to the honest top, and the honest witness has it where that is claimed.
    return changed(scene, scene.honest, changes);
  }

  test('with the right token, what is forged is the honest witness', () => {
    expect(claiming(3, 7n)).toEqual(scene.honest);
  });

  test.each([
    { what: 'the second best', token: 1 },
    { what: 'the second of two that are equal when rounded', token: 4 },
    { what: 'a low one', token: 2 },
    { what: 'the first', token: 0 },
    { what: 'one behind the vocabulary', token: 5 },
  ])('token: $what, with its own top, the best one’s, and one more', ({ token }) => {
    const own = rshr(BigInt(sums[token] ?? 0), 10);
    for (const top of [own, 7n, 8n]) expect(brokenConstraints(scene.file, claiming(token, top))).not.toEqual([]);
    const { acc: _, ...given } = scene.inputs;
    expect(hasNoWitness(scene.opened, constraintSystem(scene.file), { ...given, token: BigInt(token) })).toBe(true);
  });

  test('the right token with a top beside its own', () => {
    for (const top of [6n, 8n, 0n]) expect(brokenConstraints(scene.file, claiming(3, top))).not.toEqual([]);
  });

  test('an inflated logit, or a lowered one, all behind it recomputed: its row alone breaks', async () => {
    const inflated = sums.map((sum, i) => BigInt(i === 1 ? 9000 : sum));
    const cheat = await withInputs(scene, { acc: inflated, token: 1n });
    expect(brokenConstraints(scene.file, cheat)).toEqual([rowsOf(scene)[1]]);
    const lowered = sums.map((sum, i) => BigInt(i === 3 ? sum - 1 : sum));
    expect(brokenConstraints(scene.file, await withInputs(scene, { acc: lowered, token: 4n }))).toEqual([
      rowsOf(scene)[3],
    ]);
    const moved = sums.map((sum, i) => BigInt(i === 3 ? sum + 1024 : sum));
    expect(brokenConstraints(scene.file, claiming(3, 7n, moved))).not.toEqual([]);
  });

  test('steps that fall nowhere, or twice, or rise', () => {
    for (const steps of [
      [1, 1, 1, 1, 1],
      [1, 0, 0, 0, 0],
      [1, 0, 1, 1, 0],
      [0, 0, 0, 0, 0],
      [2, 2, 2, 2, 0],
      [1, 1, 1, 2, 1],
    ]) {
      const cheat = changed(scene, scene.honest, new Map(steps.map((step, i) => [`step[${i}]`, BigInt(step)])));
      // The first step is the number 1 itself and has no wire of its own.
      expect(brokenConstraints(scene.file, cheat), steps.join()).not.toEqual([]);
    }
  });

  test('any wire alone', () => {
    expect(harmlessChanges(scene)).toEqual([]);
  });
});

describe('hidden', () => {
  const shape: HiddenShape = { kind: 'hidden', width: 2, gateFraction: 14, shift: 12 };
  const g = [70_000n, -3000n];
  const u = [123_456n, -524_288n];
  let opened: OpenedShape;
  let scene: Scene;
  beforeAll(async () => {
    opened = await openShape(shape, folder);
    scene = await sceneOf(opened, hiddenCase(shape, { g, u }));
  });

  test.each([
    { what: 'of the other sign', other: -70_000n },
    { what: 'one off', other: 70_001n },
    { what: 'of the next piece', other: 70_000n + 8192n },
    { what: 'beyond the table', other: 300_000n },
    { what: 'of another piece with the same rest', other: 70_000n + 3n * 8192n },
    { what: 'zero', other: 0n },
  ])('h is that of a gate $what, all behind it recomputed', async ({ other }) => {
    expect(gated(other, u[0] ?? 0n, 14, 12)).not.toBe(gated(70_000n, u[0] ?? 0n, 14, 12));
    const behind = await withInputs(scene, { g: [other, g[1] ?? 0n] });
    const cheat = spliced(scene, behind, scene.honest, /^(g\[|gate\.|commitmentG$)/);
    expect(cheat.slice(1, 3)).toEqual(scene.honest.slice(1, 3));
    expect(brokenConstraints(scene.file, cheat)).not.toEqual([]);
  });

  test('h is that of another u, all behind it recomputed', async () => {
    const behind = await withInputs(scene, { u: [123_457n, u[1] ?? 0n] });
    const cheat = spliced(scene, behind, scene.honest, /^(u\[|up\.|commitmentU$)/);
    expect(brokenConstraints(scene.file, cheat)).not.toEqual([]);
  });

  test.each([
    { wire: 'gated[0].size.negative', value: 1n },
    { wire: 'gated[1].size.negative', value: 0n },
    { wire: 'gated[0].size.magnitude', value: -70_000n },
    { wire: 'gated[0].size.magnitude', value: 70_001n },
    { wire: 'gated[0].products[1]', value: 1n },
    { wire: 'gated[0].far', value: 1n },
    { wire: 'gated[0].far', value: 2n },
    { wire: 'gated[0].inner.out', value: 0n },
    { wire: 'gated[0].products[31]', value: 1n },
  ])('no witness has $wire = $value', ({ wire, value }) => {
    expect(scene.honest[opened.wire(wire)]).not.toBe(toField(value));
    const system = constraintSystem(scene.file);
    expect(hasNoWitness(opened, system, { g, u, [wire]: value })).toBe(true);
    expect(brokenConstraints(scene.file, changed(scene, scene.honest, new Map([[wire, value]])))).not.toEqual([]);
  });

  test('beyond the table nothing takes the near value', async () => {
    const far = await sceneOf(opened, hiddenCase(shape, { g: [-400_000n, 400_000n], u }));
    const system = constraintSystem(far.file);
    for (const i of [0, 1])
      expect(hasNoWitness(opened, system, { g: [-400_000n, 400_000n], u, [`gated[${i}].far`]: 0n })).toBe(true);
    expect(harmlessChanges(far)).toEqual([]);
  });

  test('any wire alone, but for hints of 0', async () => {
    expect(harmlessChanges(scene)).toEqual(['gated[0].isFar.inverse', 'gated[1].isFar.inverse']);
    const zero = await sceneOf(opened, hiddenCase(shape, { g: [0n, 400_000n], u }));
    // 0's other sign.
    expect(harmlessChanges(zero)).toEqual(['gated[0].isFar.inverse', 'gated[0].size.negative']);
  });
});

describe('attention', () => {
  // Scores 10, 13 and 5 at a shift of 4. With the top 10 the third one's distance rounds to 0 instead of 1, and the result is another one.
  const shape: AttentionShape = {
    kind: 'attention',
    heads: 1,
    keyHeads: 1,
    headSize: 2,
    positions: 3,
    bits: 16,
    shift: 4,
  };
  const scores = [10n, 13n, 5n];
  const inputs = {
    context: 5n,
    count: 3n,
    blindingQ: 1n,
    blindingO: 2n,
    blindingK: [3n, 4n, 5n],
    blindingV: [6n, 7n, 8n],
    q: [1n, 0n],
    k: scores.flatMap((score) => [score, 0n]),
    v: [0n, 0n, 0n, 0n, 32_767n, 0n],
  };

  test('a top half a step below the highest score, with which another output would have a witness', async () => {
    const opened = await openShape(shape, folder);
    const { honest, file } = await sceneOf(opened, { inputs, tensors: {} });
    const system = constraintSystem(file);
    const claiming = (top: bigint, output: bigint): CircuitInputs => ({
      ...Object.fromEntries(
        [...opened.names.wires]
          .filter(([name]) => /^(context|count|blinding.*|[qkv](\[\d\])+)$/.test(name))
          .map(([name, wire]) => [name, honest[wire] ?? 0n]),
      ),
      'top[0]': top,
      'touches[0][0]': top === scores[0] ? 1n : 0n,
      'touches[0][1]': top === scores[1] ? 1n : 0n,
      'output_[0]': output,
      'output_[1]': 0n,
      ...Object.fromEntries(
        scores
          .flatMap((score, t) => digits(`power[0][${t}].bits.bits`, top - score + 8n, 36))
          .filter(([name]) => opened.names.wires.has(name)),
      ),
    });
    expect(hasNoWitness(opened, system, claiming(13n, 10_921n))).toBe(false);
    expect(hasNoWitness(opened, system, claiming(10n, 10_922n))).toBe(true);
    expect(hasNoWitness(opened, system, claiming(10n, 10_921n))).toBe(true);
  });
});
