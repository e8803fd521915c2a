import { setImmediate } from 'node:timers/promises';
import { MODEL, type Name } from '../model/program.ts';
import { fuzzMachine, type Machine } from './machine.ts';
import { randomOf } from './random.ts';
import { playSequence, report, shrink } from './sequence.ts';
import { makeStages, type NamedStage } from './stages.ts';

/** What so many sequences came to. */
export interface Summary {
  sequences: number;
  steps: number;
  /** By instruction. */
  readonly accepted: Map<Name, number>;
  readonly refused: Map<Name, number>;
  /** By error, and how many refusals broke one rule alone, so that the number itself was compared. */
  readonly errors: Map<string, number>;
  certain: number;
}

/** The first sequence in which program and model came apart, shrunk. */
export interface Found {
  readonly sequences: number;
  readonly steps: number;
  readonly shrunkTo: number;
  readonly message: string;
  readonly text: string;
}

export interface Fuzz {
  readonly programFile: string;
  readonly from: number;
  readonly count: number;
}

let made: readonly NamedStage[] | undefined;

/** Where the sequence of a seed begins, and how long it is: a few long ones among short ones. */
function planOf(seed: number): { readonly named: NamedStage; readonly length: number } {
  made ??= makeStages();
  const random = randomOf(seed);
  let left = random.below(made.reduce((sum, { weight }) => sum + weight, 0));
  const named = made.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  if (named === undefined) throw new RangeError('There is no stage.');
  return { named, length: random.chance(6) ? 150 : 8 + random.below(23) };
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** After so many sequences the event loop turns once: what the machine's native objects hold is freed there alone. */
const TURN = 20;

/** Plays the sequences of so many seeds. Stops at the first disagreement. */
export async function fuzz({ programFile, from, count }: Fuzz): Promise<Summary | Found> {
  const machine = fuzzMachine(programFile);
  const summary: Summary = {
    ...{ sequences: 0, steps: 0, accepted: new Map(), refused: new Map(), errors: new Map(), certain: 0 },
  };
  for (let seed = from; seed < from + count; seed++) {
    const found = fuzzOne(machine, seed, summary);
    if (found !== undefined) return found;
    if (seed % TURN === 0) await setImmediate();
  }
  return summary;
}

function fuzzOne(machine: Machine, seed: number, summary: Summary): Found | undefined {
  const { named, length } = planOf(seed);
  const played = playSequence(machine, named.stage, { seed, length });
  summary.sequences++;
  summary.steps += played.steps.length;
  if ('message' in played) {
    const { sequences, steps } = summary;
    const shrunk = shrink(machine, named.stage, played);
    const { message } = shrunk;
    return { sequences, steps, shrunkTo: shrunk.steps.length, message, text: report(shrunk, named.name) };
  }
  for (const { sent, outcome } of played.outcomes) {
    add(outcome.ran ? summary.accepted : summary.refused, sent.name);
    if (outcome.ran) continue;
    add(summary.errors, outcome.error);
    if (outcome.isCertain) summary.certain++;
  }
  return undefined;
}

const total = (counts: ReadonlyMap<unknown, number>): number => [...counts.values()].reduce((sum, n) => sum + n, 0);

/** For the test's output. */
export function textOfSummary(summary: Summary): string {
  const { sequences, steps, accepted, refused, errors, certain } = summary;
  const of = (name: Name): string => `${accepted.get(name) ?? 0} / ${refused.get(name) ?? 0}`;
  return [
    `${sequences} sequences, ${steps} steps: ${total(accepted)} accepted, ${total(refused)} refused`,
    `(${certain} for one reason alone, by ${errors.size} errors); epochs made final ${accepted.get('finalise') ?? 0}, claims`,
    `paid ${accepted.get('claim') ?? 0}, votes ended ${accepted.get('close_vote') ?? 0}, slashes ${accepted.get('execute_case') ?? 0}`,
    `\naccepted / refused: ${NAMES.map((name) => `${name} ${of(name)}`).join(', ')}`,
  ].join(' ');
}

export const NAMES = Object.keys(MODEL) as Name[];
