import { type EpochClock, epochOfSlot } from '../../protocol/index.ts';

/** When something comes, by the clock of the chain and as an estimate of the time until then. */
export interface Moment {
  readonly slot: bigint;
  /** Undefined before epoch 0. */
  readonly epoch: bigint | undefined;
  /** Rounded up, so that it is zero only if it has come. A slot is taken for as long as it ought to be. */
  readonly inSeconds: number;
}

/** What moments are reckoned by. */
export interface Now extends EpochClock {
  readonly slot: bigint;
  /** Milliseconds that a slot takes. */
  readonly slotMs: number;
}

export function momentOf(now: Now, slot: bigint): Moment {
  const left = slot > now.slot ? slot - now.slot : 0n;
  return { slot, epoch: epochOfSlot(now, slot), inSeconds: Math.ceil((Number(left) * now.slotMs) / 1000) };
}

/** `epoch 12 (slot 1800, in about 5 min)`. */
export function momentText({ epoch, slot, inSeconds }: Moment): string {
  const when = inSeconds === 0 ? 'now' : `in about ${durationText(inSeconds)}`;
  return `${epoch === undefined ? '' : `epoch ${epoch}, `}slot ${slot}, ${when}`;
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`;
}
