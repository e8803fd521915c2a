import { at } from '../model/addresses.ts';
import type { Ledger } from '../model/ledger.ts';
import { WALLETS } from './cast.ts';
import { hostile } from './hostile.ts';
import { brokenInvariants } from './invariants.ts';
import type { Machine, Sent } from './machine.ts';
import { compareAll, Disagreement, isTaken, type Outcome, playOther, playSent } from './play.ts';
import { type Random, randomOf } from './random.ts';
import { copyOf, type Stage } from './stage.ts';
import { type Idea, type Step, textOf } from './step.ts';
import { committingChain, endChain } from './steps/chains.ts';
import { claiming, endEpoch, endVote, timePasses } from './steps/claims.ts';
import { nextOfEpoch, settleAgain } from './steps/epochs.ts';
import { askingBack, authorising, depositing, opening, takingBack } from './steps/escrows.ts';
import { committing, showing, slashing, takingFindingBack } from './steps/evidence.ts';
import { endingBallot, endingProposal, executing, proposing, voting } from './steps/governance.ts';
import { declaring, initialising, registering, rotating, settingCommission } from './steps/people.ts';
import { closingStake, collecting, collectingCommission, staking, unstaking, withdrawing } from './steps/stakes.ts';

/** What somebody may do, by how often. Each sequence makes some of it three times as frequent and leaves some out (Groce and others: Swarm testing, 2012). */
const IDEAS: readonly (readonly [Idea, number])[] = [
  ...[[nextOfEpoch, 90] as const, [settleAgain, 2] as const],
  ...[[claiming, 16] as const, [endVote, 12] as const, [endEpoch, 3] as const, [timePasses, 5] as const],
  ...[[staking, 8] as const, [unstaking, 8] as const, [withdrawing, 8] as const],
  ...[[collecting, 5] as const, [collectingCommission, 3] as const, [closingStake, 3] as const],
  ...[[opening, 3] as const, [depositing, 3] as const, [askingBack, 4] as const, [takingBack, 4] as const],
  ...[[authorising, 4] as const, [initialising, 1] as const, [registering, 3] as const, [rotating, 3] as const],
  ...[[committingChain, 3] as const, [endChain, 2] as const],
  ...[[declaring, 3] as const, [settingCommission, 3] as const],
  ...[[proposing, 4] as const, [voting, 8] as const, [executing, 5] as const],
  ...[[endingProposal, 2] as const, [endingBallot, 2] as const],
  ...[[committing, 4] as const, [showing, 7] as const, [slashing, 8] as const, [takingFindingBack, 1] as const],
];
/** Of a hundred steps. */
const HOSTILE = 22;
const REPLAYED = 3;
const GIFTS = 1;
const UNTRIED = 10;

/** Picks ideas with the weights of one sequence. */
export function ideasOf(random: Random): () => Idea {
  const weighted = IDEAS.map(([idea, weight]) => [idea, weight * (random.pick([0, 1, 1, 3]) ?? 1)] as const);
  // Without epochs nothing else comes to pass.
  const list = weighted.map(([idea, weight]) => [idea, idea === nextOfEpoch ? Math.max(weight, 60) : weight] as const);
  const total = list.reduce((sum, [, weight]) => sum + weight, 0);
  return () => {
    let left = random.below(total);
    for (const [idea, weight] of list) {
      if (left < weight) return idea;
      left -= weight;
    }
    return nextOfEpoch;
  };
}

/** The next step: mostly one that the model takes, sometimes one with something wrong, again, or before its time. */
export function nextStep(
  stage: Stage,
  of: { readonly random: Random; readonly idea: () => Idea; readonly last: Sent | undefined },
): Step {
  const { random, idea, last } = of;
  if (random.chance(GIFTS)) return gift(stage.ledger, random);
  if (last !== undefined && random.chance(REPLAYED)) return { kind: 'send', sent: last };
  let step: Step | undefined;
  for (let tries = 0; tries < 12; tries++) {
    step = idea()(stage, random);
    if (step === undefined) continue;
    if (step.kind !== 'send' || random.chance(UNTRIED) || isTaken(stage.ledger, step.sent)) break;
  }
  if (step === undefined) return { kind: 'slot', to: stage.ledger.slot + 1n };
  if (step.kind !== 'send' || !random.chance(HOSTILE)) return step;
  return { kind: 'send', sent: hostile(stage, step.sent, random) };
}

/** A stranger's lamports, on whatever is there but the vault, whose balance is counted to the lamport. */
function gift(ledger: Ledger, random: Random): Step {
  const to = random.pick([...ledger.accounts.keys()].filter((key) => key !== at.vault)) ?? WALLETS[0] ?? '';
  return { kind: 'gift', to, lamports: 1_000_000n + BigInt(random.below(1_000_000)) };
}

/** What a sequence came to. */
export interface Played {
  readonly steps: readonly Step[];
  readonly outcomes: readonly { readonly sent: Sent; readonly outcome: Outcome }[];
}

/** A sequence in which program and model came apart. */
export interface Failure {
  readonly seed: number;
  readonly message: string;
  readonly steps: readonly Step[];
}

/** Runs a sequence from a stage. Throws what `failureOf` understands. */
export function playSequence(
  machine: Machine,
  start: Stage,
  of: { readonly seed: number; readonly length: number },
): Played | Failure {
  const random = randomOf(of.seed);
  const stage = copyOf(start);
  const run = beginRun(machine, stage);
  const idea = ideasOf(random);
  let last: Sent | undefined;
  try {
    for (let i = 0; i < of.length; i++) {
      const step = nextStep(stage, { random, idea, last });
      run.step(step);
      if (step.kind === 'send') last = step.sent;
    }
    run.end();
  } catch (error) {
    return { seed: of.seed, message: messageOf(error), steps: run.steps };
  }
  return { steps: run.steps, outcomes: run.outcomes };
}

function messageOf(error: unknown): string {
  if (error instanceof Disagreement) return error.message;
  throw error;
}

/** The machine at the stage's ledger, and what is compared on the way and at the end. */
function beginRun(machine: Machine, { ledger }: Stage) {
  const before: Ledger = structuredClone(ledger);
  machine.load(ledger);
  const total = machine.total();
  let gifts = 0n;
  const steps: Step[] = [];
  const outcomes: { sent: Sent; outcome: Outcome }[] = [];
  return {
    steps,
    outcomes,
    step(step: Step): void {
      steps.push(step);
      if (step.kind === 'send') {
        outcomes.push({ sent: step.sent, outcome: playSent(machine, ledger, step.sent) });
        return;
      }
      if (step.kind === 'gift') gifts += step.lamports;
      playOther(machine, ledger, step);
    },
    end(): void {
      compareAll(machine, ledger);
      if (machine.total() !== total + gifts) throw new Disagreement('lamports came from nowhere or went there');
      const broken = brokenInvariants(before, ledger);
      if (broken.length > 0) throw new Disagreement(`broken: ${broken.join('; ')}`);
    },
  };
}

/** Whether these steps alone still fail, and with what. */
function rerun(machine: Machine, start: Stage, steps: readonly Step[]): string | undefined {
  const run = beginRun(machine, copyOf(start));
  try {
    for (const step of steps) run.step(step);
    run.end();
  } catch (error) {
    return messageOf(error);
  }
  return undefined;
}

/** Leaves out of a failed sequence whatever it fails without: halves first, then single steps. */
export function shrink(machine: Machine, start: Stage, failure: Failure): Failure {
  let { steps, message } = failure;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = steps.length - size; from >= 0; from -= size) {
      const fewer = [...steps.slice(0, from), ...steps.slice(from + size)];
      const still = rerun(machine, start, fewer);
      if (still === undefined) continue;
      steps = fewer;
      message = still;
    }
  }
  return { ...failure, steps, message };
}

/** A failure as a person reads it. */
export function report(failure: Failure, stageName: string): string {
  const lines = failure.steps.map((step, i) => `${i + 1}. ${textOf(step)}`);
  return [`FUZZ_SEED=${failure.seed} from the stage "${stageName}": ${failure.message}`, ...lines].join('\n');
}
