import type { AuditRates } from './audit.ts';
import { type Decoded, encode, struct, u64 } from './codec.ts';
import { type Hash, hash } from './hash.ts';

/** The names of the 40 parameters that the chain enforces, in the order of Config (docs/protocol.md, Parameters). */
export const CHAIN_PARAMETERS = [
  'slotsPerEpoch',
  'closeDelaySlots',
  'proposerWindowSlots',
  'saltRevealSlots',
  'beaconDelaySlots',
  'auditSlots',
  'challengeSlots',
  'minWorkerBond',
  'minValidatorBond',
  'minGatewayBond',
  'workerShareBps',
  'feeShareBps',
  'kappaMicroKarmaPerLamport',
  'seedingCapMicroKarma',
  'uptimeCapMicroKarma',
  'validationCapMicroKarma',
  'inferenceHalfLifeSlots',
  'seedingHalfLifeSlots',
  'uptimeHalfLifeSlots',
  'redundancyHalfLifeSlots',
  'validationHalfLifeSlots',
  'listPriceLamports',
  'voteShareBps',
  'auditShareBps',
  'gatewayShareBps',
  'coolDownEpochs',
  'evidenceEpochs',
  'slashDelayEpochs',
  'slashCapBps',
  'doubleSignBps',
  'falseVoteBps',
  'silenceBps',
  'finderShareBps',
  'harmedShareBps',
  'claimCapBps',
  'proposalDelayEpochs',
  'validatorKarmaFloor',
  'karmaFloorFromEpoch',
  'challengeAnswerSlots',
  'challengeBondLamports',
] as const;
export type ChainParameters = Readonly<Record<(typeof CHAIN_PARAMETERS)[number], bigint>>;

/** The chain's array of 40 as named values. `values` must have 40 elements, which the account's decoder guarantees. */
export function namedParameters(values: readonly bigint[]): ChainParameters {
  return Object.fromEntries(CHAIN_PARAMETERS.map((name, i) => [name, values[i] ?? 0n])) as ChainParameters;
}

/** P-36: a parameter that a vote changed: before `fromEpoch` it was `before`. All zeros where there is none. */
export interface ParameterChange {
  /** The parameter's place in `CHAIN_PARAMETERS`. */
  readonly index: bigint;
  readonly fromEpoch: bigint;
  readonly before: bigint;
}

/** P-36: the parameters that held, or hold, in an epoch, as the program reads them: a change is undone for the epochs before it. `changes` are Config's, the newest first. */
export function parametersIn(
  config: { readonly parameters: ChainParameters; readonly changes: readonly ParameterChange[] },
  epoch: bigint,
): ChainParameters {
  const values: Record<string, bigint> = { ...config.parameters };
  for (const { index, fromEpoch, before } of config.changes) {
    const name = CHAIN_PARAMETERS[Number(index)];
    if (fromEpoch > epoch && name !== undefined) values[name] = before;
  }
  return values as ChainParameters;
}

/** Parameters that the chain only pins by hash (V-02); every participant computes with them. */
export const offchainParametersCodec = struct({
  /** A-05, micro-karma. */
  weightFloor: u64,
  weightCap: u64,
  /** W-10, slots. */
  dispatchMaxAgeSlots: u64,
  /** E-21, milliseconds. */
  clockToleranceMs: u64,
  /** K-03, milliseconds from dispatch to seal that move nothing: base + tokens x perToken. */
  latencyBaseMs: u64,
  latencyPerTokenMs: u64,
  /** U-01, audits per 10,000 agreed answers. */
  auditRateStream: u64,
  auditRateQuorum: u64,
  auditRateProof: u64,
  /** U-05, thresholds of the llama engine; micro-logits, and per 1,000 tokens. */
  largestGapMicro: u64,
  gapSumMicroPer1000: u64,
  differingPer1000: u64,
  /** K-05, micro-karma for each verdict of a drawn auditor. */
  validationKarmaPerVerdict: u64,
  /** U-09, slots from the end of an answer's epoch until a token of it must be proven. */
  proofDeadlineSlots: u64,
});
export type OffchainParameters = Decoded<typeof offchainParametersCodec>;

/** V-02: what `initialise` stores, so that nobody computes with other values unnoticed. */
export function offchainParametersHash(parameters: OffchainParameters): Hash {
  return hash(encode(offchainParametersCodec, parameters));
}

/** U-01: the audit rates as a table by assurance. */
export function auditRates(parameters: OffchainParameters): AuditRates {
  return {
    stream: Number(parameters.auditRateStream),
    quorum: Number(parameters.auditRateQuorum),
    proof: Number(parameters.auditRateProof),
  };
}
