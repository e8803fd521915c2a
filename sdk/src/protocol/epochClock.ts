import { KarmeshError } from '../errors.ts';

/** When epochs begin, from Config: epoch e covers `slotsPerEpoch` slots from `epochZeroSlot + e x slotsPerEpoch` (V-01). */
export interface EpochClock {
  /** Undefined before `start`: no epoch has begun. */
  readonly epochZeroSlot: bigint | undefined;
  readonly slotsPerEpoch: bigint;
}

/** V-01: the epoch of a slot, or undefined before epoch 0. */
export function epochOfSlot(clock: EpochClock, slot: bigint): bigint | undefined {
  if (clock.epochZeroSlot === undefined || slot < clock.epochZeroSlot) return undefined;
  return (slot - clock.epochZeroSlot) / clock.slotsPerEpoch;
}

/** V-01: the first slot of an epoch. Throws `BAD_ARGUMENT` before `start`. */
export function firstSlotOfEpoch(clock: EpochClock, epoch: bigint): bigint {
  if (clock.epochZeroSlot === undefined)
    throw new KarmeshError('BAD_ARGUMENT', 'The cluster has not started its first epoch.', { epoch });
  return clock.epochZeroSlot + epoch * clock.slotsPerEpoch;
}
