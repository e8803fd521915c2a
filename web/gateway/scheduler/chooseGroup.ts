import {
  type CandidateGroup,
  candidateGroup,
  type EngineClassId,
  type ModelId,
  REPLICAS,
  toHex,
  type WorkerAccount,
} from '@karmesh/sdk/protocol';

/**
 * The engine class that runs a request, with its candidates: replicas come from one class, and the one with most candidates
 * draws best. Undefined if no class has as many as E-17 wants asked.
 */
export function chooseGroup(
  workers: readonly WorkerAccount[],
  key: { readonly epoch: bigint; readonly modelId: ModelId },
  policy: { readonly weightFloor: bigint; readonly weightCap: bigint },
): CandidateGroup | undefined {
  const classes = new Map<string, EngineClassId>(
    workers.map((worker) => [toHex(worker.engineClass), worker.engineClass]),
  );
  let best: CandidateGroup | undefined;
  // In the order of their ids, so that a tie falls the same way every time.
  for (const id of [...classes.keys()].sort()) {
    const engineClass = classes.get(id);
    if (engineClass === undefined) continue;
    const group = candidateGroup(workers, { ...key, engineClass }, policy);
    if (group.candidates.length > (best?.candidates.length ?? REPLICAS - 1)) best = group;
  }
  return best;
}
