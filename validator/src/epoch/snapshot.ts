import {
  type CandidateGroup,
  candidateGroup,
  compareBytes,
  groupKey,
  isActiveIn,
  toHex,
  type WorkerAccount,
} from '@karmesh/sdk/protocol';

/**
 * every group of candidates of an epoch. An account can be read for an epoch while it is the epoch's own, and later for as
 * long as nothing newer than the next epoch's value stands in it; undefined once one of them has moved on.
 */
export function snapshotGroups(
  workers: readonly WorkerAccount[],
  of: {
    readonly epoch: bigint;
    readonly policy: { readonly weightFloor: bigint; readonly weightCap: bigint };
  },
): readonly CandidateGroup[] | undefined {
  const { epoch, policy } = of;
  const active = workers.filter((worker) => isActiveIn(worker, epoch));
  const movedOn = (worker: WorkerAccount): boolean =>
    [worker.weightFromEpoch, worker.identityFromEpoch, worker.capacityFromEpoch].some((from) => from > epoch + 1n);
  if (active.some(movedOn)) return undefined;
  const keys = new Map(
    active.flatMap((worker) =>
      worker.models.map((modelId) => [
        `${toHex(worker.engineClass)} ${toHex(modelId)}`,
        { epoch, engineClass: worker.engineClass, modelId },
      ]),
    ),
  );
  return [...keys.values()]
    .sort((a, b) => compareBytes(groupKey(a), groupKey(b)))
    .map((key) => candidateGroup(active, key, policy));
}
