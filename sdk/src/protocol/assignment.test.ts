import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  candidateGroup,
  candidateGroupCodec,
  candidateGroupLeaf,
  candidateTree,
  chainPreimage,
  checkChainPreimage,
  drawNumber,
  drawSeed,
  drawWeight,
  drawWorkers,
  identityInEpoch,
  MAX_CHAIN_LENGTH,
  type WorkerAccount,
} from './assignment.ts';
import { fromHex, toHex } from './bytes.ts';
import { decode, encode } from './codec.ts';
import { label } from './fixtures/market.ts';
import { plainValue } from './fixtures/plainValue.ts';
import { candidateGroupsTree } from './manifest.ts';
import { constantWeight } from './weights.ts';

interface Vectors {
  readonly domain: string;
  readonly chain: {
    readonly secret: string;
    readonly length: number;
    readonly commitment: string;
    readonly preimages: readonly { readonly dispatchNumber: string; readonly preimage: string }[];
  };
  readonly drawNumbers: { readonly seed: string; readonly numbers: readonly string[] };
  readonly draws: {
    readonly cases: readonly {
      readonly name: string;
      readonly slotHash: string;
      readonly preimage: string;
      readonly dispatchNumber: string;
      readonly seed: string;
      readonly weights: readonly string[];
      readonly limit: number;
      readonly drawn: readonly number[];
    }[];
  };
  readonly weights: {
    readonly weightFloor: string;
    readonly weightCap: string;
    readonly cases: readonly { readonly karma: string; readonly weight: string }[];
  };
  readonly groups: {
    readonly groups: readonly {
      readonly fields: unknown;
      readonly encoded: string;
      readonly root: unknown;
      readonly leaf: unknown;
    }[];
    readonly candidatesRoot: unknown;
  };
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/assignment.json', import.meta.url), 'utf8'),
);
const domain = fromHex(vectors.domain);

test('A-01: preimages of a hash chain match the vectors', () => {
  const { secret, length, commitment, preimages } = vectors.chain;
  const chain = { secret: fromHex(secret), length };
  expect(toHex(chainPreimage(chain, 0n))).toBe(commitment);
  expect(preimages.map(({ dispatchNumber }) => toHex(chainPreimage(chain, BigInt(dispatchNumber))))).toEqual(
    preimages.map(({ preimage }) => preimage),
  );
});

test('A-01: a preimage holds for its own number only, from 1 to the chain’s length', () => {
  const { length, commitment, preimages } = vectors.chain;
  const check = (preimage: string, dispatchNumber: bigint, declared = length): boolean =>
    checkChainPreimage({
      preimage: fromHex(preimage),
      dispatchNumber,
      commitment: fromHex(commitment),
      length: declared,
    });
  for (const { preimage, dispatchNumber } of preimages) {
    const n = BigInt(dispatchNumber);
    expect([n - 1n, n, n + 1n].map((number) => check(preimage, number))).toEqual([false, true, false]);
    expect(check(preimage, n, Number(n) - 1)).toBe(false);
  }
  expect(check(commitment, 0n)).toBe(false);
});

test('A-01: a number over the longest chain is refused at once', () => {
  const started = performance.now();
  const check = { preimage: label('any'), commitment: label('other'), length: 2 ** 32 - 1 };
  expect(checkChainPreimage({ ...check, dispatchNumber: BigInt(MAX_CHAIN_LENGTH) + 1n })).toBe(false);
  expect(checkChainPreimage({ ...check, dispatchNumber: 2n ** 64n - 1n })).toBe(false);
  expect(performance.now() - started).toBeLessThan(1000);
});

test('A-01: with a memo a chain is hashed through once, and false preimages stay false', () => {
  const { secret, length, commitment } = vectors.chain;
  const chain = { secret: fromHex(secret), length };
  const memo = new Map<bigint, Uint8Array>();
  const check = (dispatchNumber: bigint, preimage: Uint8Array): boolean =>
    checkChainPreimage({ preimage, dispatchNumber, commitment: fromHex(commitment), length, memo });
  expect(check(1000n, chainPreimage(chain, 999n))).toBe(false);
  expect([...memo]).toEqual([]);
  expect(check(1000n, chainPreimage(chain, 1000n))).toBe(true);
  const kept = Array.from({ length: 31 }, (_, i) => 992n - 32n * BigInt(i));
  expect([...memo]).toEqual(kept.map((number) => [number, chainPreimage(chain, number)]));
  const numbers = [1n, 255n, 256n, 257n, 511n, 768n, 999n, 1000n];
  expect(numbers.map((number) => check(number, chainPreimage(chain, number)))).toEqual(numbers.map(() => true));
  expect(numbers.map((number) => check(number, chainPreimage(chain, number - 1n)))).toEqual(numbers.map(() => false));
});

test.each(vectors.draws.cases)('A-03, A-08: $name', (vector) => {
  const seed = drawSeed({
    slotHash: fromHex(vector.slotHash),
    preimage: fromHex(vector.preimage),
    dispatchNumber: BigInt(vector.dispatchNumber),
  });
  expect(toHex(seed)).toBe(vector.seed);
  const candidates = vector.weights.map((weight, index) => ({
    participant: label(`${index}`),
    index,
    identity: label(`identity ${index}`),
    weight: BigInt(weight),
  }));
  expect(drawWorkers({ seed, candidates, limit: vector.limit }).map(({ index }) => index)).toEqual(vector.drawn);
});

test('A-08: an attempt’s number is the first 16 bytes of its hash, little-endian', () => {
  const seed = fromHex(vectors.drawNumbers.seed);
  expect(vectors.drawNumbers.numbers.map((_, attempt) => String(drawNumber(seed, attempt)))).toEqual(
    vectors.drawNumbers.numbers,
  );
});

test('A-08: draws follow weight', () => {
  const candidates = [1n, 3n].map((weight, index) => ({
    participant: label(`${index}`),
    index,
    identity: label(''),
    weight,
  }));
  const firsts = Array.from(
    { length: 4000 },
    (_, i) => drawWorkers({ seed: label(`seed ${i}`), candidates, limit: 1 })[0]?.index ?? -1,
  );
  const heavy = firsts.filter((index) => index === 1).length;
  // Three quarters of 4,000, six standard deviations either way; the seeds are fixed, so the count never changes.
  expect(Math.abs(heavy - 3000)).toBeLessThan(165);
});

test('A-05: one worker of capacity 10 weighs as much as ten of capacity 1 with its karma among them', () => {
  const policy = { weightFloor: 100n, weightCap: 900n };
  for (const karma of [0n, 70n, 8_999n, 9_000n, 50_000n]) {
    const ten = 10n * drawWeight({ karma: karma / 10n, capacity: 1 }, policy);
    const one = drawWeight({ karma, capacity: 10 }, policy);
    expect(one - ten).toBe(karma < 9_000n ? karma % 10n : 0n);
  }
});

test('A-05: weight is the floor plus capped karma', () => {
  const policy = { weightFloor: BigInt(vectors.weights.weightFloor), weightCap: BigInt(vectors.weights.weightCap) };
  expect(
    vectors.weights.cases.map(({ karma }) => String(drawWeight({ karma: BigInt(karma), capacity: 1 }, policy))),
  ).toEqual(vectors.weights.cases.map(({ weight }) => weight));
});

test('A-04, A-07: groups, their trees and the candidates’ root match the vectors', () => {
  const groups = vectors.groups.groups.map(({ encoded }) => decode(candidateGroupCodec, fromHex(encoded)));
  expect(groups.map(plainValue)).toEqual(vectors.groups.groups.map(({ fields }) => fields));
  expect(groups.map((group) => toHex(encode(candidateGroupCodec, group)))).toEqual(
    vectors.groups.groups.map(({ encoded }) => encoded),
  );
  expect(groups.map((group) => plainValue(candidateTree(domain, group).root))).toEqual(
    vectors.groups.groups.map(({ root }) => root),
  );
  expect(groups.map((group) => plainValue(candidateGroupLeaf(domain, group)))).toEqual(
    vectors.groups.groups.map(({ leaf }) => leaf),
  );
  expect(plainValue(candidateGroupsTree(domain, groups).root)).toEqual(vectors.groups.candidatesRoot);
});

const policy = { weightFloor: 1_000_000n, weightCap: 9_000_000n };
const account = (index: number, changes: Partial<WorkerAccount> = {}): WorkerAccount => ({
  address: label(`worker ${index}`),
  index,
  identity: label(`identity ${index}`),
  previousIdentity: label(`previous identity ${index}`),
  identityFromEpoch: 0n,
  weights: constantWeight(1n),
  capacity: [1, 1],
  capacityFromEpoch: 0n,
  weightKarma: [5n, 7n],
  weightFromEpoch: 3n,
  engineClass: label('class'),
  models: [label('model'), label('model 2')],
  ...changes,
});
const key = { engineClass: label('class'), modelId: label('model 2') };

test('A-04: candidates are bonded before the epoch, of the class and the model, by registration index', () => {
  const group = candidateGroup(
    [
      account(4),
      account(1, { weights: constantWeight(1n, 3n) }),
      account(2, { weights: constantWeight(1n, 2n) }),
      account(3, { engineClass: label('another class') }),
      account(5, { models: [label('model')] }),
      account(0),
    ],
    { ...key, epoch: 2n },
    policy,
  );
  expect(group).toEqual({
    ...key,
    epoch: 2n,
    candidates: [0, 2, 4].map((index) => ({
      participant: label(`worker ${index}`),
      index,
      identity: label(`identity ${index}`),
      weight: 1_000_005n,
    })),
  });
});

test('A-04, A-06: weight and identity are those that held when the epoch began', () => {
  const changed = account(0, { identityFromEpoch: 3n });
  const weights = [2n, 3n].map((epoch) => candidateGroup([changed], { ...key, epoch }, policy).candidates[0]);
  expect(weights.map((candidate) => candidate?.weight)).toEqual([1_000_005n, 1_000_007n]);
  expect(weights.map((candidate) => candidate?.identity)).toEqual([label('previous identity 0'), label('identity 0')]);
  expect(identityInEpoch(changed, 2n)).toEqual(label('previous identity 0'));
});
