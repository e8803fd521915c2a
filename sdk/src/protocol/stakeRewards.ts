import { equalBytes } from './bytes.ts';

/** A 128-bit number with 64 bits behind the point: low, high. */
type Wide = readonly [bigint, bigint];

/** P-28, P-31: lamports that base units of the token count for. `rate` is Config's, times 2^32. */
export function tokensWeigh(units: bigint, rate: bigint): bigint {
  return (units * rate) >> 32n;
}

/** P-31: what units earned between two readings of the accumulator, in lamports. */
export function earnedBetween(units: bigint, then: Wide, now: Wide): bigint {
  const wide = ([low, high]: Wide): bigint => (high << 64n) | low;
  return (units * (wide(now) - wide(then))) >> 64n;
}

/** What a vote did, as its account has it. */
export interface VoteDeeds {
  readonly stake: bigint;
  readonly attested: boolean;
  readonly saltRevealed: boolean;
  readonly revealed: boolean;
  /** An offence of it was proven. */
  readonly accused: boolean;
  readonly reportHash: Uint8Array;
}

/** What a final epoch set aside for its votes. */
export interface VotePay {
  readonly voteReward: bigint;
  readonly votePoints: bigint;
  /** What votes that were ended took of it. */
  readonly votesPaid: bigint;
  readonly faults: number;
  readonly reportHash: Uint8Array;
}

/** P-32: lamports that a vote in a final epoch earns once it is ended, the owner's commission included. */
export function voteEarns(vote: VoteDeeds, epoch: VotePay): bigint {
  const { voteReward, votePoints, votesPaid, faults } = epoch;
  if (faults > 0 || votePoints === 0n || vote.accused || (vote.attested && !vote.saltRevealed)) return 0n;
  const salt = vote.saltRevealed ? vote.stake : 0n;
  const report = vote.revealed && equalBytes(vote.reportHash, epoch.reportHash) ? 2n * vote.stake : 0n;
  const share = (voteReward * (salt + report)) / votePoints;
  return share < voteReward - votesPaid ? share : voteReward - votesPaid;
}
