import { KarmeshError } from '@karmesh/sdk/errors';
import type { ParticipantAccount } from '@karmesh/sdk/program';
import { BRONZE, type ChainParameters, equalBytes, karmaAt, LANES, laneNumber, laneTerms } from '@karmesh/sdk/protocol';

/** The least karma, in micro-karma, for each lane that can be earned. */
export type KarmaLanes = ReadonlyMap<number, bigint>;

/** As a setting names one: `LANE=KARMA`, karma being whole, 10^6 micro-karma. */
export const KARMA_LANE_PATTERN = new RegExp(`^(${LANES.map(({ name }) => name).join('|')})=([1-9]\\d{0,12})$`);

/**
 * Reads settings that fit `KARMA_LANE_PATTERN`.
 *
 * @throws KarmeshError `CONFIG_INVALID` if a dearer lane would need no more karma than a cheaper one.
 */
export function readKarmaLanes(settings: readonly string[]): KarmaLanes {
  const read = new Map<number, bigint>();
  for (const setting of settings) {
    const [name, karma = '0'] = setting.split('=');
    const lane = LANES.find((each) => each.name === name);
    if (lane !== undefined) read.set(laneNumber(lane.name), BigInt(karma) * 1_000_000n);
  }
  const sorted = [...read].sort(([a], [b]) => a - b);
  for (const [index, [lane, karma]] of sorted.entries()) {
    const cheaper = sorted[index + 1];
    if (cheaper !== undefined && karma <= cheaper[1])
      throw new KarmeshError('CONFIG_INVALID', 'A dearer lane must need more karma than a cheaper one.', {
        dearer: laneTerms(lane).name,
        cheaper: laneTerms(cheaper[0]).name,
      });
  }
  return read;
}

export type EarnedLanes = {
  /**
   * L-09: the lane that an account's request waits in, and what it pays for it if that is not what the lane costs. Where the client names no
   * lane it is the one that was earned.
   */
  termsOf(
    accountId: bigint,
    lane: number | undefined,
  ): Promise<{ readonly lane: number; readonly unitPrice?: bigint | undefined }>;
};

type Earned = { readonly lane: number; readonly untilMs: number };

/** Accounts whose lanes are remembered at once. */
const MAX_KEPT = 10_000;

/**
 * Lanes that are earned (L-09): the karma of all participants whose owner is the account's wallet, in all five parts, as it stands on chain and
 * has decayed since (K-06). Karma that was not claimed does not count. What an account has earned is looked up again after `keepMs`.
 */
export const earnedLanes =
  (options: { readonly lanes: KarmaLanes; readonly keepMs: number }) =>
  (parts: {
    /** The wallet that stands for an account; undefined if none does. */
    walletOf(accountId: bigint): Promise<Uint8Array | undefined>;
    participants(): readonly Pick<ParticipantAccount, 'owner' | 'karma' | 'karmaSlot'>[];
    slot(): bigint;
    parameters(): ChainParameters;
    /** L-07: what a lane costs now. */
    unitPriceOf(lane: number): bigint;
    readonly clock: { nowMs(): number };
  }): EarnedLanes => {
    const { clock } = parts;
    const kept = new Map<bigint, Earned>();

    const karmaOf = (wallet: Uint8Array): bigint => {
      const now = { slot: parts.slot(), parameters: parts.parameters() };
      return parts
        .participants()
        .filter(({ owner }) => equalBytes(owner, wallet))
        .flatMap((participant) => karmaAt(participant, now))
        .reduce((sum, part) => sum + part, 0n);
    };

    const earnedBy = async (accountId: bigint): Promise<number> => {
      const known = kept.get(accountId);
      if (known !== undefined && clock.nowMs() < known.untilMs) return known.lane;
      const wallet = options.lanes.size === 0 ? undefined : await parts.walletOf(accountId);
      const karma = wallet === undefined ? 0n : karmaOf(wallet);
      const lanes = [...options.lanes].filter(([, least]) => karma >= least).map(([lane]) => lane);
      const lane = Math.min(BRONZE, ...lanes);
      if (kept.size >= MAX_KEPT) kept.clear();
      kept.set(accountId, { lane, untilMs: clock.nowMs() + options.keepMs });
      return lane;
    };

    return {
      async termsOf(accountId, asked) {
        const earned = await earnedBy(accountId);
        const lane = asked ?? earned;
        return lane >= earned && lane < BRONZE ? { lane, unitPrice: parts.unitPriceOf(BRONZE) } : { lane };
      },
    };
  };
