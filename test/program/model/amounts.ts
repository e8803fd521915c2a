import { type Config, NONE, type Participant, type Point } from './ledger.ts';

/** An index that was never lowered (P-29). */
export const WHOLE = 1n << 60n;
const POINTS = 8;
export const [WORKER, VALIDATOR, GATEWAY] = [1, 2, 3];

/** Lamports that an account of `bytes` must keep: two years at the cluster's price, its own 128 bytes among them. */
export function rent(bytes: number): bigint {
  return (128n + BigInt(bytes)) * 6_960n;
}

/** Bytes of the accounts that hold lamports above their rent. */
export const SIZE = { vault: 112, participant: 832, escrow: 160 } as const;

export const share = (amount: bigint, bps: bigint): bigint => (amount * bps) / 10_000n;

/** P-29. */
export const worth = (units: bigint, index: bigint): bigint => (units * index) / WHOLE;
export const worthUp = (units: bigint, index: bigint): bigint => (units * index + WHOLE - 1n) / WHOLE;

/** More than two thirds. */
export const isQuorum = (stake: bigint, total: bigint): boolean => 3n * stake > 2n * total;

/** The epoch of the slot; undefined before `start` and in its slot. */
export function epochAt(config: Config, slot: bigint): bigint | undefined {
  if (config.started === 0 || slot < config.epochZeroSlot) return undefined;
  return (slot - config.epochZeroSlot) / parameter(config, 0);
}

/** The first epoch that what happens now counts in. */
export function nextEpoch(config: Config, slot: bigint): bigint {
  const current = epochAt(config, slot);
  return current === undefined ? 0n : current + 1n;
}

/** Today's parameter, by its place in the protocol. */
export function parameter({ parameters }: Config, place: number): bigint {
  const value = parameters[place];
  if (value === undefined) throw new RangeError('There is no parameter of this number.');
  return value;
}

/** P-36: the parameter that held in an epoch. */
export function parameterIn(config: Config, place: number, epoch: bigint): bigint {
  const later = config.changes.filter(({ index, fromEpoch }) => Number(index) === place && fromEpoch > epoch);
  return later.at(-1)?.before ?? parameter(config, place);
}

/** P-27: undefined if it is forgotten. */
export function weightAt(points: readonly Point[], epoch: bigint): bigint | undefined {
  return [...points, ...(points.length < POINTS ? [{ fromEpoch: 0n, weight: 0n }] : [])].find(
    ({ fromEpoch }) => fromEpoch <= epoch,
  )?.weight;
}

/** P-27. */
export function setWeight(points: Point[], fromEpoch: bigint, weight: bigint): void {
  const newest = points[0] ?? { fromEpoch: 0n, weight: 0n };
  if (newest.weight === weight) return;
  if (points.length > 0 && newest.fromEpoch === fromEpoch) newest.weight = weight;
  // A change from epoch 0 on replaces the zero that stood there without a change.
  else points.unshift({ fromEpoch, weight });
  points.length = Math.min(points.length, POINTS);
}

/** What the owner of a role has to keep at stake (P-03 to P-05). */
export function minimumOf(config: Config, participant: Participant): bigint {
  if (participant.role === WORKER) return parameter(config, 7) * BigInt(participant.capacity[1] ?? 0);
  return parameter(config, participant.role === VALIDATOR ? 8 : 9);
}

/** P-28: the weight of what stands behind a participant now, from the next epoch on. */
export function reweigh(config: Config, participant: Participant, slot: bigint): void {
  const { ownUnits, slashIndex, units, weights } = participant;
  const counts = ownUnits > 0n && worth(ownUnits, slashIndex) >= minimumOf(config, participant);
  const before = weights[0]?.weight ?? 0n;
  const after = counts ? worth(units, slashIndex) : 0n;
  const from = nextEpoch(config, slot);
  setWeight(weights, from, after);
  if (participant.role !== VALIDATOR) return;
  setWeight(config.stake, from, (config.stake[0]?.weight ?? 0n) - before + after);
}

/** True if the epoch lies behind the last final one. */
export function isLater({ lastFinalisedEpoch }: Config, epoch: bigint): boolean {
  return lastFinalisedEpoch === NONE || epoch > lastFinalisedEpoch;
}
