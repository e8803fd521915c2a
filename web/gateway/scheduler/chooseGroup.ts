import {
  type CandidateGroup,
  candidateGroup,
  type EngineClassId,
  type ModelId,
  REPLICAS,
  toHex,
  type WorkerAccount,
} from '@karmesh/sdk/protocol';
import type { GroupStanding } from '../routing/runWindow.ts';

/**
 * The engine classes that can run a model in an epoch, with their candidates, those with most candidates first: replicas come from
 * one class, and E-17 wants three asked.
 */
export function eligibleGroups(
  workers: readonly WorkerAccount[],
  key: { readonly epoch: bigint; readonly modelId: ModelId },
  policy: { readonly weightFloor: bigint; readonly weightCap: bigint },
): readonly CandidateGroup[] {
  const classes = new Map<string, EngineClassId>(
    workers.map((worker) => [toHex(worker.engineClass), worker.engineClass]),
  );
  return (
    [...classes.keys()]
      // In the order of their ids, so that a tie falls the same way every time.
      .sort()
      .flatMap((id) => {
        const engineClass = classes.get(id);
        return engineClass === undefined ? [] : [candidateGroup(workers, { ...key, engineClass }, policy)];
      })
      .filter(({ candidates }) => candidates.length >= REPLICAS)
      .sort((a, b) => b.candidates.length - a.candidates.length)
  );
}

/** What a gateway knows of a group of workers. */
export type GroupFacts = {
  /** Candidates that announce here that they serve. */
  readonly serving: number;
  /** Undefined while too few dispatches of it are known. */
  readonly standing: GroupStanding | undefined;
};

/** One dispatch of so many goes to a group that has no standing yet. */
const TRIAL_EVERY = 8n;

/**
 * The group that runs a dispatch. Who of a group is asked follows from the draw alone; what a gateway may choose is the group. One with
 * fewer than three candidates that serve comes after all others; among the rest it is the one that takes the least time for an answer that
 * is agreed on, by this gateway's own measure, in which near workers are fast ones. A group that is not known yet is tried now and then, and
 * is the last resort; where none is known the one with most candidates runs it.
 *
 * @returns undefined if `groups` is empty.
 */
export function chooseGroup(
  groups: readonly CandidateGroup[],
  factsOf: (group: CandidateGroup) => GroupFacts,
  dispatchNumber: bigint,
): CandidateGroup | undefined {
  if (groups.length <= 1) return groups[0];
  const known = groups.map((group) => ({ group, ...factsOf(group) }));
  const serving = known.filter(({ serving }) => serving >= REPLICAS);
  const able = serving.length === 0 ? known : serving;
  const untried = able.find(({ standing }) => standing === undefined);
  const measured = able.flatMap(({ group, standing }) =>
    standing === undefined ? [] : [{ group, cost: standing.msPerToken / Math.max(standing.agreedShare, 0.01) }],
  );
  if (untried !== undefined && (measured.length === 0 || dispatchNumber % TRIAL_EVERY === 0n)) return untried.group;
  return measured.reduce(
    (best, each) => (each.cost < best.cost ? each : best),
    measured[0] as (typeof measured)[number],
  ).group;
}
