import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  auditedReceipt,
  auditRateOf,
  drawAuditors,
  isAudited,
  judgeMeasurements,
  thresholdsAt,
  verdictsRootOf,
} from './audit.ts';
import { fromHex, toHex } from './bytes.ts';
import { label, Market } from './fixtures/market.ts';

interface Vectors {
  readonly beacon: string;
  readonly validators: readonly { readonly participant: string; readonly index: number; readonly stake: string }[];
  readonly draws: {
    readonly cases: readonly {
      readonly entryHash: string;
      readonly lot: number;
      readonly receiptOf: Readonly<Record<string, number>>;
      readonly auditors: readonly number[];
    }[];
  };
  readonly rates: {
    readonly cases: readonly { readonly rate: number; readonly asked: number; readonly effective: number }[];
  };
  readonly judge: {
    readonly thresholds: {
      readonly largestGapMicro: string;
      readonly gapSumMicroPer1000: string;
      readonly differingPer1000: number;
    };
    readonly cases: readonly {
      readonly name: string;
      readonly tokens: number;
      readonly differing: number;
      readonly largestGapMicro: string;
      readonly gapSumMicro: string;
      readonly rule: number;
    }[];
  };
  readonly verdictsRoot: {
    readonly cases: readonly { readonly name: string; readonly hashes: readonly string[]; readonly root: string }[];
  };
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/audit.json', import.meta.url), 'utf8'));
const beacon = fromHex(vectors.beacon);
const validators = vectors.validators.map(({ participant, index, stake }) => ({
  participant: fromHex(participant),
  index,
  stake: BigInt(stake),
}));

test('U-01: an entry is drawn exactly when its lot is below the rate', () => {
  for (const { entryHash, lot } of vectors.draws.cases) {
    const draw = { beacon, entryHash: fromHex(entryHash) };
    expect(
      [0, lot, lot + 1, 10_000].map((ratePer10000) => isAudited({ ...draw, ratePer10000 })),
      entryHash,
    ).toEqual([false, false, true, true]);
  }
});

test('U-01: the rate doubles for each worker that was asked beyond the third', () => {
  const market = new Market();
  for (const { rate, asked, effective } of vectors.rates.cases) {
    const roles = Array.from({ length: asked }, (_, i) => (i < asked - 2 ? 'times out' : 'x'));
    const rates = { stream: 1, quorum: rate, proof: 10_000 };
    expect(auditRateOf(rates, market.entry({ roles }))).toBe(effective);
  }
});

test('U-01: which receipt is audited', () => {
  for (const { entryHash, receiptOf } of vectors.draws.cases) {
    const drawn = Object.keys(receiptOf).map((count) => [
      count,
      auditedReceipt({ beacon, entryHash: fromHex(entryHash), count: Number(count) }),
    ]);
    expect(Object.fromEntries(drawn)).toEqual(receiptOf);
  }
});

test('U-02: the two auditors, by stake, in whatever order the validators are given', () => {
  for (const { entryHash, auditors } of vectors.draws.cases) {
    for (const given of [validators, validators.toReversed()])
      expect(
        drawAuditors({ beacon, entryHash: fromHex(entryHash), validators: given }).map(({ index }) => index),
      ).toEqual(auditors);
  }
});

test('U-02: fewer validators make fewer auditors, and no stake none', () => {
  const one = validators.slice(0, 1);
  const none = validators.map((validator) => ({ ...validator, stake: 0n }));
  const entryHash = label('entry');
  expect(drawAuditors({ beacon, entryHash, validators: [] })).toEqual([]);
  expect(drawAuditors({ beacon, entryHash, validators: one })).toEqual(one);
  expect(drawAuditors({ beacon, entryHash, validators: none })).toEqual([]);
});

test.each(vectors.judge.cases)('U-05: $name: rule $rule', ({ rule, ...measured }) => {
  const { thresholds } = vectors.judge;
  expect(
    judgeMeasurements(
      {
        tokens: measured.tokens,
        differing: measured.differing,
        largestGapMicro: BigInt(measured.largestGapMicro),
        gapSumMicro: BigInt(measured.gapSumMicro),
      },
      {
        largestGapMicro: BigInt(thresholds.largestGapMicro),
        gapSumMicroPer1000: BigInt(thresholds.gapSumMicroPer1000),
        differingPer1000: thresholds.differingPer1000,
      },
    ) ?? 0,
  ).toBe(rule);
});

test.each(vectors.verdictsRoot.cases)('U-06: the root over verdicts: $name', ({ hashes, root }) => {
  expect(toHex(verdictsRootOf(hashes.map(fromHex)))).toBe(root);
  expect(toHex(verdictsRootOf(hashes.toReversed().map(fromHex)))).toBe(root);
});

test('U-05: allowances for gaps grow with the square of the temperature above one, the count does not', () => {
  const thresholds = { largestGapMicro: 25_000n, gapSumMicroPer1000: 300_000n, differingPer1000: 50 };
  expect([0, 800_000, 1_000_000].map((micro) => thresholdsAt(thresholds, micro))).toEqual([
    thresholds,
    thresholds,
    thresholds,
  ]);
  const warm = { largestGapMicro: 100_000n, gapSumMicroPer1000: 1_200_000n, differingPer1000: 50 };
  expect([1_000_001, 2_000_000].map((micro) => thresholdsAt(thresholds, micro))).toEqual([warm, warm]);
});
