/** P-28: a number that changes only from one epoch to a later one: its last eight changes, the newest first. */
export interface Weights {
  readonly points: readonly { readonly fromEpoch: bigint; readonly weight: bigint }[];
}

/** The number in an epoch; undefined if so many changes came since that it is forgotten. */
export function weightIn({ points }: Weights, epoch: bigint): bigint | undefined {
  return points.find(({ fromEpoch }) => fromEpoch <= epoch)?.weight;
}

/** P-28: true if the participant may act in the epoch. One whose weight of that epoch is forgotten may not. */
export function isActiveIn({ weights }: { readonly weights: Weights }, epoch: bigint): boolean {
  return (weightIn(weights, epoch) ?? 0n) > 0n;
}

/** The number from an epoch on, for tests and for what never changed. */
export function constantWeight(weight: bigint, fromEpoch = 0n): Weights {
  return { points: [{ fromEpoch, weight }, ...(fromEpoch === 0n ? [] : [{ fromEpoch: 0n, weight: 0n }])] };
}
