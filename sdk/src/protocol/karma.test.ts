import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addKarma, decayKarma, inferenceKarma, latencyAdjusted, priceLamports, redundancyKarma } from './karma.ts';

type Case = Readonly<Record<string, string>> & { readonly promptTokens: number; readonly outputTokens: number };
type Table = { readonly cases: readonly Case[] };
const vectors: Readonly<
  Record<'inferenceKarma' | 'latencyAdjusted' | 'redundancyKarma' | 'decay' | 'price' | 'caps', Table>
> = JSON.parse(readFileSync(new URL('../../../test/vectors/karma.json', import.meta.url), 'utf8'));

const big = (value: string | undefined): bigint => BigInt(value ?? 'missing');
const strings = (values: readonly bigint[]): string[] => values.map(String);
const column = (table: Table, name: string): (string | undefined)[] => table.cases.map((row) => row[name]);

test('K-02: inference karma matches the vectors', () => {
  const computed = vectors.inferenceKarma.cases.map((row) =>
    inferenceKarma({
      activeParameters: big(row.activeParameters),
      promptTokens: row.promptTokens,
      outputTokens: row.outputTokens,
    }),
  );
  expect(strings(computed)).toEqual(column(vectors.inferenceKarma, 'karma'));
});

test('K-02: twenty prompt and eight output tokens of the bundled model earn 34,430 micro-karma', () => {
  expect(inferenceKarma({ activeParameters: 3_279_104n, promptTokens: 20, outputTokens: 8 })).toBe(34_430n);
});

test('K-02: splitting work into two requests never earns more', () => {
  const whole = inferenceKarma({ activeParameters: 3_279_104n, promptTokens: 21, outputTokens: 9 });
  const parts =
    inferenceKarma({ activeParameters: 3_279_104n, promptTokens: 20, outputTokens: 2 }) +
    inferenceKarma({ activeParameters: 3_279_104n, promptTokens: 1, outputTokens: 7 });
  expect(parts <= whole).toBe(true);
});

test('K-03: latency moves karma as the vectors say, by ten per cent at most', () => {
  const computed = vectors.latencyAdjusted.cases.map((row) =>
    latencyAdjusted(big(row.karma), { elapsedMs: big(row.elapsedMs), targetMs: big(row.targetMs) }),
  );
  expect(strings(computed)).toEqual(column(vectors.latencyAdjusted, 'adjusted'));
});

test('K-04: redundancy karma matches the vectors', () => {
  const computed = vectors.redundancyKarma.cases.map((row) => redundancyKarma(big(row.inference)));
  expect(strings(computed)).toEqual(column(vectors.redundancyKarma, 'redundancy'));
});

test('K-06: decay matches the vectors, over 64 half-lives and at the edges of 64 bits', () => {
  const computed = vectors.decay.cases.map((row) =>
    decayKarma(big(row.karma), { elapsedSlots: big(row.elapsedSlots), halfLifeSlots: big(row.halfLifeSlots) }),
  );
  expect(strings(computed)).toEqual(column(vectors.decay, 'decayed'));
});

test('K-06: decay never grows with time', () => {
  const halfLifeSlots = 1000n;
  let before = 10n ** 15n;
  for (let elapsedSlots = 0n; elapsedSlots <= 3000n; elapsedSlots += 7n) {
    const now = decayKarma(10n ** 15n, { elapsedSlots, halfLifeSlots });
    expect(now <= before).toBe(true);
    before = now;
  }
});

test('M-01: the price matches the vectors and rounds up', () => {
  const computed = vectors.price.cases.map((row) =>
    priceLamports({
      unitPrice: big(row.unitPrice),
      activeParameters: big(row.activeParameters),
      promptTokens: row.promptTokens,
      outputTokens: row.outputTokens,
    }),
  );
  expect(strings(computed)).toEqual(column(vectors.price, 'lamports'));
});

test('P-20: the fee part, multiplied by kappa, is the cap on karma', () => {
  const computed = vectors.caps.cases.map((row) => ({
    karmaCap: big(row.kappaMicroKarmaPerLamport) * ((big(row.settled) * big(row.feeShareBps)) / 10_000n),
    owedCap: (big(row.settled) * big(row.workerShareBps)) / 10_000n,
  }));
  expect(computed).toEqual(
    vectors.caps.cases.map((row) => ({ karmaCap: big(row.karmaCap), owedCap: big(row.owedCap) })),
  );
});

test('K-07: karma adds part by part', () => {
  expect(addKarma([1n, 2n, 3n, 4n, 5n], [10n, 20n, 30n, 40n, 50n])).toEqual([11n, 22n, 33n, 44n, 55n]);
});
