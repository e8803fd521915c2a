import type { AnswerEvidence, WorkerProgress, WorkerStep } from '@karmesh/sdk/client';
import { Address } from '../page/Address.tsx';
import { Track, type TrackStep } from '../page/Track.tsx';

type Outcome = AnswerEvidence['receipts'][number];

const STEPS = ['asked', 'sealed', 'revealed', 'agreed'] as const;
/** How many of `STEPS` are behind a worker that stands there. */
const REACHED: Readonly<Record<WorkerStep, number>> = {
  asked: 1,
  accepted: 1,
  sealed: 2,
  revealed: 3,
  refused: 1,
  'timed-out': 1,
};
const MEANING: Readonly<Record<WorkerStep, string>> = {
  asked: 'Has been sent the request.',
  accepted: 'Has taken the request and works on it.',
  sealed: 'Has sealed its answer: it can no longer change it, and nobody has seen it.',
  revealed: 'Has opened its seal.',
  refused: 'Has refused the request; the next drawn worker was asked.',
  'timed-out': 'Did not answer in time.',
};
const END: Readonly<Record<string, string>> = {
  agreed: 'Agrees with at least one other worker, token for token.',
  dissented: 'Gave another answer than the workers who agree, and earns nothing.',
  refused: MEANING.refused,
  'timed-out': MEANING['timed-out'],
};

/** One card for each worker that the draw named and that was asked. */
export function WorkerCards(props: {
  readonly workers: WorkerProgress;
  readonly outcomes: readonly Outcome[] | undefined;
}) {
  const { workers, outcomes } = props;
  return (
    <ol className="cards" aria-label="The drawn workers">
      {workers.map(({ worker, step }, i) => {
        const outcome = outcomes?.find((each) => each.worker === worker);
        return (
          <li className={outcome?.outcome === 'dissented' ? 'card dissent' : 'card'} key={worker}>
            <h3>
              Worker {i + 1} <Address address={worker} />
            </h3>
            <Track label={`Steps of worker ${i + 1}`} steps={trackOf(step, outcome?.outcome)} />
            <p className="small">
              {outcome === undefined ? MEANING[step] : (END[outcome.outcome] ?? outcome.outcome)}
              {outcome?.shown === true && ' Its text is the one above.'}
            </p>
          </li>
        );
      })}
    </ol>
  );
}

function trackOf(step: WorkerStep, outcome: string | undefined): readonly TrackStep[] {
  if (outcome === 'agreed') return STEPS.map((name) => ({ name, state: 'done' }));
  const failed = outcome === 'dissented' ? outcome : step === 'refused' || step === 'timed-out' ? step : undefined;
  const reached = outcome === 'dissented' ? REACHED.revealed : REACHED[step];
  const steps = STEPS.map(
    (name, i): TrackStep => ({ name, state: i < reached ? 'done' : i === reached ? 'now' : 'todo' }),
  );
  if (failed === undefined) return steps;
  return [...steps.slice(0, reached), { name: failed.replace('-', ' '), state: 'failed' }];
}
