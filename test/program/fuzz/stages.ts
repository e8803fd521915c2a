import { at } from '../model/addresses.ts';
import { isLater } from '../model/amounts.ts';
import { STATE } from '../model/epochs.ts';
import { NONE } from '../model/ledger.ts';
import { MODEL } from '../model/program.ts';
import { accountAt } from '../model/rules.ts';
import { keyNamed, keyOf, type Name, VALIDATORS, WALLETS } from './cast.ts';
import { parameterList } from './parameters.ts';
import { isTaken } from './play.ts';
import { type Random, randomOf } from './random.ts';
import { all, configOf, copyOf, emptyStage, type Stage } from './stage.ts';
import { type Idea, type Step, send } from './step.ts';
import { committingChain } from './steps/chains.ts';
import { claiming, endVote } from './steps/claims.ts';
import { nextOfEpoch } from './steps/epochs.ts';
import { opening } from './steps/escrows.ts';
import { committing, showing, slashing } from './steps/evidence.ts';
import { proposing, voting } from './steps/governance.ts';
import { registrationOf } from './steps/people.ts';
import { staking, unstaking } from './steps/stakes.ts';

const SOL = 1_000_000_000n;

/** Where sequences begin, so that short ones reach what comes late. */
export interface NamedStage {
  readonly name: string;
  readonly stage: Stage;
  /** How often it is taken, against the others. */
  readonly weight: number;
}

/** Does a step in the model alone, if it is taken. */
function act(stage: Stage, step: Step | undefined): void {
  if (step === undefined) return;
  if (step.kind === 'slot') {
    if (step.to > stage.ledger.slot) stage.ledger.slot = step.to;
  } else if (step.kind === 'send' && isTaken(stage.ledger, step.sent)) {
    MODEL[step.sent.name](stage.ledger, step.sent)();
  }
}

/** Goes on with these ideas until something is so. */
function until(stage: Stage, random: Random, ideas: readonly Idea[], done: (stage: Stage) => boolean): Stage {
  for (let i = 0; i < 20_000; i++) {
    if (done(stage)) return stage;
    const idea = random.pick(ideas);
    act(stage, idea?.(stage, random));
  }
  throw new Error('A stage was not reached.');
}

function funded(): Stage {
  const stage = emptyStage();
  for (const key of WALLETS) accountAt(stage.ledger, key).lamports = 200n * SOL;
  return stage;
}

function registered(random: Random): Stage {
  const stage = funded();
  const operator = keyOf('operator');
  const args = {
    ...{ genesis: keyNamed('genesis'), version: 1, parameters: parameterList() },
    offchain_parameters_hash: keyNamed('off chain'),
  };
  act(stage, send('initialise', [operator, at.config, at.vault], { signs: [operator], args }));
  const names: readonly Name[] = [...VALIDATORS.slice(0, 3), 'worker 0', 'gateway'];
  for (const name of names) act(stage, registrationOf(stage, name, random));
  return until(stage, random, [opening, committingChain], ({ ledger }) => all(ledger, 'escrow').length === 2);
}

/** The newest epoch that is not final is in this state. */
function isAt(state: number): (stage: Stage) => boolean {
  return ({ ledger }) => {
    const config = configOf(ledger);
    const open = all(ledger, 'epoch').filter(({ data }) => config !== undefined && isLater(config, data.epoch));
    return open.some(({ data }) => data.state === state);
  };
}

const lastFinal = ({ ledger }: Stage): bigint => {
  const last = configOf(ledger)?.lastFinalisedEpoch ?? NONE;
  return last === NONE ? -1n : last;
};

/** The stages, the same in every run: they are played in the model and written to the machine from there. */
export function makeStages(): readonly NamedStage[] {
  const random = randomOf(7);
  const before = registered(random);
  const operator = keyOf('operator');
  const started = copyOf(before);
  act(started, send('start', [operator, at.config], { signs: [operator] }));
  started.ledger.slot += 1n;
  const from = (stage: Stage, ideas: readonly Idea[], done: (stage: Stage) => boolean): Stage =>
    until(copyOf(stage), random, ideas, done);
  const living = [nextOfEpoch, nextOfEpoch, nextOfEpoch, claiming, staking];
  const staked = from(started, [staking], ({ ledger }) => all(ledger, 'stake').length >= 8);
  const attested = from(staked, [nextOfEpoch], isAt(STATE.attested));
  const judged = from(attested, [nextOfEpoch], isAt(STATE.verdicts));
  const reported = from(judged, [nextOfEpoch], isAt(STATE.reported));
  const final = from(reported, [nextOfEpoch], (stage) => lastFinal(stage) >= 0n);
  const grown = from(final, [...living, endVote], (stage) => lastFinal(stage) >= 3n);
  const leaving = from(
    grown,
    [unstaking],
    ({ ledger }) => all(ledger, 'stake').filter(({ data }) => data.unbondingUnits > 0n).length >= 3,
  );
  const accused = from(grown, [committing, showing], ({ ledger }) => all(ledger, 'case').length >= 2);
  const slashed = from(accused, [nextOfEpoch, slashing], ({ ledger }) =>
    all(ledger, 'case').some(({ data }) => data.executed === 1),
  );
  const asked = from(
    grown,
    [proposing, voting],
    ({ ledger }) => all(ledger, 'proposal').filter(({ data }) => data.passedEpoch !== NONE).length >= 3,
  );
  const silent = copyOf(grown);
  silent.ledger.slot += 64n * 70n;
  const late = from(silent, [nextOfEpoch], (stage) => lastFinal(stage) > 64n);
  const old = from(late, [endVote], ({ ledger }) => all(ledger, 'epoch').some(({ data }) => data.openVotes === 0));
  return [
    { name: 'nothing', stage: funded(), weight: 3 },
    { name: 'registered', stage: before, weight: 3 },
    { name: 'staked', stage: staked, weight: 8 },
    { name: 'attested', stage: attested, weight: 6 },
    { name: 'judged', stage: judged, weight: 8 },
    { name: 'reported', stage: reported, weight: 8 },
    { name: 'final', stage: final, weight: 10 },
    { name: 'grown', stage: grown, weight: 12 },
    { name: 'leaving', stage: leaving, weight: 6 },
    { name: 'accused', stage: accused, weight: 8 },
    { name: 'slashed', stage: slashed, weight: 8 },
    { name: 'asked', stage: asked, weight: 8 },
    { name: 'old', stage: old, weight: 6 },
  ];
}
