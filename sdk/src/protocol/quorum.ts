import { equalBytes } from './bytes.ts';
import type { Hash } from './hash.ts';
import type { Participant } from './ids.ts';

/** What one worker's receipt says, as far as agreement goes. */
export interface Answer {
  readonly worker: Participant;
  readonly outputHash: Hash;
  readonly traceRoot: Hash;
}

/** how many receipts must have one output hash and one trace root. */
export const QUORUM = 2;

/** `dissenting` are workers whose receipt has another output hash or trace root: a signal for audits, not a verdict. */
export type QuorumDecision =
  | {
      readonly kind: 'agreed';
      readonly outputHash: Hash;
      readonly traceRoot: Hash;
      readonly agreeing: readonly Participant[];
      readonly dissenting: readonly Participant[];
    }
  | { readonly kind: 'none'; readonly dissenting: readonly Participant[] };

/**
 * agreement is two receipts with the same output hash and the same trace root: within an engine class equal requests give both, so
 * that who has the tokens from somewhere else, and not the run, does not agree. With more than one such pair the larger group wins, then the one whose
 * first member was drawn earlier. `answers` stand in the order of the draw; a worker counts once, by its first answer. The same code
 * decides in gateway, validator and SDK.
 */
export function decideQuorum(given: readonly Answer[]): QuorumDecision {
  const answers = given.filter(({ worker }, i) => given.findIndex((other) => equalBytes(other.worker, worker)) === i);
  // At most eight answers: comparing each with each costs less than naming them.
  const groups: Answer[][] = [];
  for (const answer of answers) {
    const group = groups.find(([one]) => one !== undefined && agree(one, answer));
    if (group === undefined) groups.push([answer]);
    else group.push(answer);
  }
  let best: Answer[] = [];
  for (const group of groups) if (group.length > best.length) best = group;
  const first = best[0];
  if (first === undefined || best.length < QUORUM)
    return { kind: 'none', dissenting: answers.map(({ worker }) => worker) };
  return {
    kind: 'agreed',
    outputHash: first.outputHash,
    traceRoot: first.traceRoot,
    agreeing: best.map(({ worker }) => worker),
    dissenting: answers.filter((answer) => !best.includes(answer)).map(({ worker }) => worker),
  };
}

function agree(a: Answer, b: Answer): boolean {
  return equalBytes(a.outputHash, b.outputHash) && equalBytes(a.traceRoot, b.traceRoot);
}
