import { drawNumber, REPLICAS } from './assignment.ts';
import { compareBytes, joinBytes, readU64le } from './bytes.ts';
import type { Decoded } from './codec.ts';
import { struct, u32, u64 } from './codec.ts';
import type { Entry } from './entry.ts';
import { type Hash, hash } from './hash.ts';
import type { Participant } from './ids.ts';
import type { Assurance } from './request.ts';

/** U-01: audits per 10,000 agreed answers, by assurance. `proof` is certain. */
export type AuditRates = Readonly<Record<Assurance, number>>;

/**
 * U-01: the rate of one entry: that of its assurance, doubled for each worker that was drawn beyond the third, at most certain. A gateway
 * records time-outs alone, so it could pass over strangers until its friends are drawn; the deeper it goes, the surer the audit.
 */
export function auditRateOf(rates: AuditRates, entry: Entry): number {
  const { receipts, refusals, timeouts } = entry.evidence;
  const beyond = Math.max(0, receipts.length + refusals.length + timeouts.length - REPLICAS);
  return Math.min(10_000, rates[entry.dispatch.value.assurance] * 2 ** beyond);
}

/** U-02: how many auditors may be drawn for one receipt: the first, and a second that a failing verdict needs. */
export const AUDITORS = 2;

const tag = (name: string): Uint8Array => new TextEncoder().encode(name);
const ANSWER = tag('karmesh:audit:answer');
const RECEIPT = tag('karmesh:audit:receipt');
const AUDITOR = tag('karmesh:audit:auditor');

/** U-01: true if the beacon draws this entry: the first eight bytes of `H(tag || beacon || entryHash)` modulo 10,000 are below the rate. */
export function isAudited(draw: {
  readonly beacon: Hash;
  readonly entryHash: Hash;
  readonly ratePer10000: number;
}): boolean {
  return readU64le(hash(ANSWER, draw.beacon, draw.entryHash)) % 10_000n < BigInt(draw.ratePer10000);
}

/** U-01: which of the `count` agreeing receipts, in the order of the draw, is audited. */
export function auditedReceipt(draw: {
  readonly beacon: Hash;
  readonly entryHash: Hash;
  readonly count: number;
}): number {
  return Number(readU64le(hash(RECEIPT, draw.beacon, draw.entryHash)) % BigInt(draw.count));
}

/** A validator with its stake in an epoch, as the auditors' draw sees it. */
export interface StakedValidator {
  readonly participant: Participant;
  /** Registration index. */
  readonly index: number;
  readonly stake: bigint;
}

/** U-02: the auditors of an entry, by stake, first and second; the second differs from the first. Fewer if there are fewer validators. */
export function drawAuditors(draw: {
  readonly beacon: Hash;
  readonly entryHash: Hash;
  readonly validators: readonly StakedValidator[];
}): readonly StakedValidator[] {
  const validators = [...draw.validators].sort((a, b) => a.index - b.index);
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n);
  const seed = hash(AUDITOR, draw.beacon, draw.entryHash);
  const drawn: StakedValidator[] = [];
  for (
    let attempt = 0;
    total > 0n && drawn.length < Math.min(AUDITORS, validators.length) && attempt < 4096;
    attempt++
  ) {
    let x = drawNumber(seed, attempt) % total;
    const chosen = validators.find(({ stake }) => {
      const here = x < stake;
      x -= stake;
      return here;
    });
    if (chosen !== undefined && !drawn.includes(chosen)) drawn.push(chosen);
  }
  return drawn;
}

/** U-03: the rules that a failing verdict names, by number. */
export const AUDIT_RULES = {
  /** The worker did not answer the audit, or refused it. */
  noAnswer: 10,
  /** The request does not hash to the request id. */
  requestMismatch: 11,
  /** The tokens do not hash to the output hash. */
  outputMismatch: 12,
  /** A token is farther from the replay's choice than the class's largest honest gap allows. */
  largestGap: 20,
  /** The sum of the gaps is over the class's calibration. */
  gapSum: 21,
  /** More tokens differ from the replay's choice than the class's calibration allows. */
  gapCount: 22,
  /** The answer ends where the model would not have ended it, or goes on where it would have. */
  wrongEnd: 23,
  /** The receipt commits to another run than that of its tokens, in a class whose runs are the same everywhere. */
  traceMismatch: 24,
  /** The answer to a challenge was not there by its deadline. */
  challengeMissing: 30,
  /** It does not read, is of another position, or has more or less in it than belongs there. */
  challengeMalformed: 31,
  /** Its leaves are not those of the receipt’s trace, or a commitment is not its leaf’s. */
  challengeTrace: 32,
  /** The embedding is not the model’s row of the token, or the angles are not those of the position. */
  challengeAnchor: 33,
  /** An operator is not proven, or its proof does not hold. */
  challengeProof: 34,
  /** Keys or facts are not those that validators attested for the model. */
  challengeKeys: 35,
} as const;

/** U-04: what an auditor measured, over all output tokens. Scores are in micro-logits of the perturbed score. */
export const measurementsCodec = struct({
  tokens: u32,
  differing: u32,
  largestGapMicro: u64,
  gapSumMicro: u64,
});
export type Measurements = Decoded<typeof measurementsCodec>;

/** U-05: thresholds of a class, calibrated on honest runs. */
export interface AuditThresholds {
  /** Gaps under this are honest rounding, in micro-logits. */
  readonly largestGapMicro: bigint;
  /** Sum of gaps per 1,000 tokens, in micro-logits. */
  readonly gapSumMicroPer1000: bigint;
  /** Differing tokens per 1,000 tokens. */
  readonly differingPer1000: number;
}

/** U-05: what a class is allowed whose runs are the same everywhere to the last bit. */
export const NO_ALLOWANCE: AuditThresholds = { largestGapMicro: 0n, gapSumMicroPer1000: 0n, differingPer1000: 0 };

/**
 * U-05: thresholds were calibrated up to temperature 1. Above it honest gaps grow, because the noise reaches tokens of lower scores,
 * so the allowances for gaps grow with the square of the temperature, rounded up to whole degrees.
 */
export function thresholdsAt(thresholds: AuditThresholds, temperatureMicro: number): AuditThresholds {
  const degrees = BigInt(Math.max(1, Math.ceil(temperatureMicro / 1_000_000)));
  return {
    largestGapMicro: thresholds.largestGapMicro * degrees * degrees,
    gapSumMicroPer1000: thresholds.gapSumMicroPer1000 * degrees * degrees,
    differingPer1000: thresholds.differingPer1000,
  };
}

/** U-05: the first rule that the measurements break, or undefined. A short answer is given the allowance of 1,000 tokens / 10. */
export function judgeMeasurements(measured: Measurements, thresholds: AuditThresholds): number | undefined {
  const tokens = BigInt(Math.max(measured.tokens, 100));
  if (measured.largestGapMicro > thresholds.largestGapMicro) return AUDIT_RULES.largestGap;
  if (measured.gapSumMicro * 1000n > thresholds.gapSumMicroPer1000 * tokens) return AUDIT_RULES.gapSum;
  if (BigInt(measured.differing) * 1000n > BigInt(thresholds.differingPer1000) * tokens) return AUDIT_RULES.gapCount;
  return undefined;
}

/** U-06: the root over the verdicts of an epoch: the hash of their sorted, distinct hashes. */
export function verdictsRootOf(verdictHashes: readonly Hash[]): Hash {
  const sorted = [...verdictHashes]
    .sort(compareBytes)
    .filter((one, i, all) => i === 0 || compareBytes(one, all[i - 1] ?? one) !== 0);
  return sorted.length === 0 ? new Uint8Array(32) : hash(joinBytes([new Uint8Array([0]), ...sorted]));
}
