import { CHAIN_PARAMETERS } from '@karmesh/sdk/protocol';
import { PARAMETERS } from '../world.ts';
import type { Random } from './random.ts';

/** Short periods, a share for everybody, and bounds on slashes and claims that are reached often. */
const FUZZED = {
  ...PARAMETERS,
  auditShareBps: 300n,
  gatewayShareBps: 200n,
  evidenceEpochs: 1n,
  claimCapBps: 5_000n,
  slashCapBps: 1_500n,
};

export function parameterList(): bigint[] {
  return CHAIN_PARAMETERS.map((name) => FUZZED[name]);
}

/** The same, now and then with one that the program must refuse. */
export function fuzzParameters(random: Random): bigint[] {
  const list = parameterList();
  if (!random.chance(20)) return list;
  return list.with(random.below(list.length), random.chance(50) ? 0n : (1n << 64n) - 1n);
}
