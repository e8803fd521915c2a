import { expect, test } from 'vitest';
import { attended, gated, inverseRoot, multiply, rotated, rshr } from '../../../circuits/src/audit/exactReference.ts';
import { seededRandom } from '../seededRandom.ts';
import { simulate, survivors } from './simulate.ts';
import { skipLayers, skipTokens, teleport } from './strategies.ts';
import { deviation, SIZE, STRATEGIES, study } from './study.ts';
import { answersUntil, caughtByAnswer, rateThatDeters, undetected } from './theory.ts';

// docs/detection.md has the whole study; this keeps it true.

const WORKERS = 300;
/** Of fewer than a hundred points hardly one is as far off by chance, and seeds are fixed. */
const FAR = 4;

test('U-01, Z-42: what the protocol draws is what the theory says, for every cheat, unit and rate', () => {
  const points = study({ workers: WORKERS, answers: 64 }).flatMap(({ strategy, unit, ratePer10000, points }) =>
    points.map((point) => ({ strategy: strategy.title, unit, ratePer10000, ...point })),
  );
  expect(points).toHaveLength(2 * 3 * 3 * 4);
  expect(points.filter((point) => deviation(point) > FAR)).toEqual([]);
});

test('a theory that is off by a fifth is told from the simulation', () => {
  const strategy = teleport(SIZE);
  const options = {
    strategy,
    size: SIZE,
    unit: 'token',
    ratePer10000: 500,
    workers: 3000,
    answers: 16,
    seed: 5,
  } as const;
  const caughtAfter = simulate(options);
  const survived = survivors(caughtAfter, 16);
  const off = (factor: number): number => {
    const caught = factor * caughtByAnswer(strategy, { unit: 'token', rate: 0.05 });
    return deviation({ theory: undetected(caught, 16), survived, workers: 3000 });
  };
  expect(off(1)).toBeLessThan(FAR);
  expect(off(0.8)).toBeGreaterThan(FAR);
  expect(off(1.2)).toBeGreaterThan(FAR);
});

test('a worker that knows the token before it commits is not caught: the theory holds for draws behind the commitment only', () => {
  const honestButThere = { ...teleport(SIZE), commit: () => ({ positions: 64, operators: 46, isFalse: () => false }) };
  const caughtAfter = simulate({
    strategy: honestButThere,
    size: SIZE,
    unit: 'token',
    ratePer10000: 2500,
    workers: 100,
    answers: 64,
    seed: 6,
  });
  expect(survivors(caughtAfter, 64)).toBe(100);
  const caught = caughtByAnswer(honestButThere, { unit: 'token', rate: 0.25 });
  expect(deviation({ theory: undetected(caught, 64), survived: 100, workers: 100 })).toBeGreaterThan(FAR);
});

test('each cheat has as many false operators as the theory counts', () => {
  for (const strategy of [...STRATEGIES, skipLayers(3, SIZE), skipTokens(0.5, SIZE)]) {
    const run = strategy.commit(SIZE, seededRandom(8));
    const operators = Array.from({ length: run.operators }, (_, operator) => operator);
    const counts = Array.from(
      { length: run.positions },
      (_, position) => operators.filter((operator) => run.isFalse(position, operator)).length,
    );
    const falseTokens = counts.filter((count) => count > 0);
    expect(falseTokens.length / run.positions).toBe(strategy.falseTokens);
    for (const count of falseTokens) expect(count / run.operators).toBeCloseTo(strategy.falseOperators, 12);
  }
});

test('a layer whose norms are said to give zeros has nothing else that is false: zeros give zeros by the rules', () => {
  const zeros = [0n, 0n, 0n, 0n];
  const matrix = [3n, -5n, 7n, 11n].map((weight, i) => zeros.map((_, j) => weight + BigInt(i * j)));
  const linear = (x: readonly bigint[]): readonly bigint[] => multiply(matrix, x).map((sum) => rshr(sum, 9));
  expect(linear(zeros)).toEqual(zeros);
  expect(rotated(zeros, [20_000n, 25_000n, 30_000n, 12_000n], { pairs: 'halves', fraction: 12 })).toEqual(zeros);
  const past = { keys: [zeros, zeros, zeros], values: [zeros, zeros, zeros] };
  expect(attended(zeros, past, 10).output).toEqual(zeros);
  expect(gated(0n, 0n, 14, 17)).toBe(0n);
  // Only the norm itself is false, unless what it reads is 0.
  const residual = [70_000n, -3n, 0n, 12n];
  expect(residual.map((value) => rshr(value * inverseRoot(residual, 4n) * 20_000n, 38))).not.toEqual(zeros);
});

test('the rate that deters: at twice of it a cheat loses on average, at half of it it gains', () => {
  const strategy = teleport(SIZE);
  const bondPerGain = 100;
  const rate = rateThatDeters(strategy, { unit: 'token', bondPerGain });
  expect(rate).toBeCloseTo(1 / 101, 12);
  const worth = (times: number): number => {
    const ratePer10000 = Math.round(10_000 * rate * times);
    const caughtAfter = simulate({
      strategy,
      size: SIZE,
      unit: 'token',
      ratePer10000,
      workers: 1000,
      answers: 32,
      seed: 7,
    });
    // A worker ends with its first conviction, whose answer earns nothing.
    return caughtAfter.reduce<number>((sum, after) => sum + (after === undefined ? 32 : after - 1 - bondPerGain), 0);
  };
  expect(worth(0.5)).toBeGreaterThan(0);
  expect(worth(2)).toBeLessThan(0);
  // A single operator of 46 would need almost half of all answers, and of five times as many operators more than all.
  expect(rateThatDeters(strategy, { unit: 'operator', bondPerGain })).toBeCloseTo(46 / 101, 12);
  const large = teleport({ layers: 18, positions: 64 });
  expect(rateThatDeters(large, { unit: 'operator', bondPerGain })).toBeGreaterThan(1);
});

test('answersUntil is the first count of answers that suffices', () => {
  const answers = answersUntil(0.01, 0.95);
  expect(answers).toBe(299);
  expect(1 - undetected(0.01, answers)).toBeGreaterThanOrEqual(0.95);
  expect(1 - undetected(0.01, answers - 1)).toBeLessThan(0.95);
});
