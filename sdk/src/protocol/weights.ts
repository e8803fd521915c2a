/** P-28: a number that changes only from one epoch to a later one: its last eight changes, the newest first. */
export interface Weights {
  readonly points: readonly { readonly fromEpoch: bigint; readonly weight: bigint }[];
}

/** The number in an epoch; undefined if so many changes came since that it is forgotten. */
export function weightIn({ points }: Weights, epoch: bigint): bigint | undefined {
  return points.find(({ fromEpoch }) => fromEpoch <= epoch)?.weight;
}

/** The number from an epoch on, for tests and for what never changed. */
export function constantWeight(weight: bigint, fromEpoch = 0n): Weights {
  return { points: [{ fromEpoch, weight }, ...(fromEpoch === 0n ? [] : [{ fromEpoch: 0n, weight: 0n }])] };
}
