import { expect, test } from 'vitest';
import idl from '../../../programs/karma/idl.json' with { type: 'json' };
import {
  CHAIN_PARAMETERS,
  inferenceKarma,
  latencyAdjusted,
  offchainParametersHash,
  priceLamports,
  redundancyKarma,
  toHex,
} from '../protocol/index.ts';
import { CLUSTER_NAMES, clusterPreset, parseCluster } from './index.ts';
import { isLocalnet } from './parametersOf.ts';

test.each(CLUSTER_NAMES)('%s: the shares divide all that settles and the periods fit into two epochs', (name) => {
  const { chain } = clusterPreset(name);
  const { workerShareBps, feeShareBps, voteShareBps, auditShareBps, gatewayShareBps } = chain;
  expect(workerShareBps + feeShareBps + voteShareBps + auditShareBps + gatewayShareBps).toBe(10_000n);
  expect(chain.finderShareBps + chain.harmedShareBps).toBeLessThanOrEqual(10_000n);
  const finalAfter =
    chain.closeDelaySlots +
    chain.proposerWindowSlots +
    chain.beaconDelaySlots +
    chain.auditSlots +
    chain.proposerWindowSlots +
    chain.challengeSlots;
  expect(finalAfter).toBeLessThan(chain.slotsPerEpoch);
  expect(chain.saltRevealSlots).toBeLessThan(chain.beaconDelaySlots);
});

test('localnet: an epoch is final within 110 slots of its end when the first proposers act', () => {
  const { chain } = clusterPreset('localnet');
  expect(chain.closeDelaySlots + chain.beaconDelaySlots + chain.auditSlots + chain.challengeSlots).toBeLessThan(
    110n - 30n,
  );
});

test.each(CLUSTER_NAMES)('%s: K-07 honest work at list price is never capped, from 20 + 8 tokens up', (name) => {
  const { chain } = clusterPreset(name);
  for (const [promptTokens, outputTokens] of [
    [20, 8],
    [500, 1],
    [10, 2000],
  ] as const) {
    const work = { activeParameters: 3_279_104n, promptTokens, outputTokens };
    const price = priceLamports({ unitPrice: chain.listPriceLamports, ...work });
    const fee = (price * chain.feeShareBps) / 10_000n;
    const fastest = latencyAdjusted(inferenceKarma(work), { elapsedMs: 0n, targetMs: 1000n });
    expect(3n * (fastest + redundancyKarma(fastest))).toBeLessThanOrEqual(chain.kappaMicroKarmaPerLamport * fee);
  }
});

test.each(CLUSTER_NAMES)('%s: the preset has the 40 parameters in the order of Config', (name) => {
  expect([CHAIN_PARAMETERS.length, Object.keys(clusterPreset(name).chain)]).toEqual([40, [...CHAIN_PARAMETERS]]);
});

test('V-02: two clusters with other parameters have other hashes', () => {
  const hashes = CLUSTER_NAMES.map((name) => toHex(offchainParametersHash(clusterPreset(name).offchain)));
  expect(new Set(hashes).size).toBe(CLUSTER_NAMES.length);
});

test.each(CLUSTER_NAMES)('%s: the program is the one that idl.json names', (name) => {
  expect(clusterPreset(name).programId).toBe(idl.address);
});

test('Z-32: a localnet is one by what the chain was set up with, and only on this machine', () => {
  const presets = CLUSTER_NAMES.map(clusterPreset);
  const on = (name: (typeof CLUSTER_NAMES)[number], isLocal: boolean): boolean =>
    isLocalnet({ presets, isLocal }, { offchainParametersHash: offchainParametersHash(clusterPreset(name).offchain) });
  expect([on('localnet', true), on('localnet', false), on('devnet', true), on('devnet', false)]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test('a preset with a fault says which', () => {
  expect(() => parseCluster({ name: 'x' })).toThrow('A cluster preset is not valid.');
});
