import { tokenBucket } from './tokenBucket.ts';

/** Where an announcement stands among those of its identity: which life of the process said it, and as what of that life. */
export type Spoken = { readonly incarnation: bigint; readonly sequence: bigint };

/** Whether one announcement of an identity replaces another: it is of a later life, or said later in the same one. */
export function isNewer(one: Spoken, other: Spoken): boolean {
  if (one.incarnation !== other.incarnation) return one.incarnation > other.incarnation;
  return one.sequence > other.sequence;
}

export type OwnLife = {
  /** Where the next announcement stands. */
  next(): Spoken;
  /** Whether this would be kept in place of what was last said: the word of a former life, or of another process with this identity. */
  isOutdoneBy(heard: Spoken): boolean;
  /**
   * Starts a life above the one that was heard, so that what is said next replaces it, unless that happened too often (`isRaised`).
   * A life that began since this one did, or that is newer once more, is no former one but another process with this identity (`isTwin`).
   */
  outdo(heard: Spoken): { readonly isRaised: boolean; readonly isTwin: boolean };
};

/** A process that restarts hears of its former life once or twice. Two with one identity would outdo each other without end. */
const outdoing = { perSecond: 1 / 30, burst: 4 } as const;
const lastIncarnation = (1n << 64n) - 1n;

/**
 * N-10: the incarnation of this process, as SWIM numbers its members (Das, Gupta and Motivala 2002, section 4.2): the time of its start,
 * or one more than whatever it hears of itself that is newer. So a process that came back replaces itself whatever its clock says.
 */
export const ownLife = ({ now }: { readonly now: () => number }): OwnLife => {
  const rate = tokenBucket(outdoing, now());
  let said: Spoken = { incarnation: BigInt(Math.max(0, Math.trunc(now()))), sequence: 0n };
  let times = 0;
  const isOutdoneBy = (heard: Spoken): boolean => isNewer(heard, said) && heard.incarnation < lastIncarnation;
  return {
    next: () => {
      said = { ...said, sequence: said.sequence + 1n };
      return said;
    },
    isOutdoneBy,
    outdo: (heard) => {
      if (!isOutdoneBy(heard)) return { isRaised: false, isTwin: false };
      const isTwin = times > 0 || heard.incarnation <= BigInt(Math.trunc(now()));
      if (!rate.take(now())) return { isRaised: false, isTwin };
      times += 1;
      said = { incarnation: heard.incarnation + 1n, sequence: 0n };
      return { isRaised: true, isTwin };
    },
  };
};
