import { type SyntheticEvent, useState } from 'react';
import { Heading } from '../page/Heading.tsx';
import { solOf } from '../page/micro.ts';
import { KeyForm, useModels } from './KeyForm.tsx';
import { standingOf } from './standingOf.ts';
import { type Asked, type Question, useQuestion } from './useQuestion.ts';
import { WorkerCards } from './WorkerCards.tsx';

const ASSURANCES = [
  ['stream', 'At once', 'Words appear as the first worker says them; whether others agree is known at the end.'],
  ['quorum', 'Once agreed', 'The whole answer appears when two of three workers have agreed on it.'],
  [
    'proof',
    'Once agreed, and proven',
    'A token of the answer is drawn later, and its worker proves every step of it: minutes, for exact models alone.',
  ],
] as const;

/** One question, its answer, and what three workers do for it. */
export function AskView(props: { readonly apiKey: string; readonly keepApiKey: (key: string) => void }) {
  const { apiKey, keepApiKey } = props;
  const models = useModels(apiKey);
  const { asked, ask, stop } = useQuestion(apiKey);
  const hasKey = apiKey !== '' && models.failure === undefined;
  return (
    <>
      <Heading>Ask three workers</Heading>
      <p className="lead">
        Each runs your question by itself and seals its answer before it can see the others’. You pay for one answer,
        and only if two agree.
      </p>
      {!hasKey && <KeyForm failure={models.failure} keep={keepApiKey} />}
      {hasKey && (
        <>
          <QuestionForm models={models.names} isRunning={asked?.state === 'running'} ask={ask} stop={stop} />
          <p className="small">
            With the key that ends in <code>{apiKey.slice(-4)}</code>.{' '}
            <button type="button" className="plain" onClick={() => keepApiKey('')}>
              Use another key
            </button>
          </p>
        </>
      )}
      {asked !== undefined && <Answer asked={asked} />}
    </>
  );
}

function QuestionForm(props: {
  readonly models: readonly string[];
  readonly isRunning: boolean;
  readonly ask: (question: Question) => Promise<void>;
  readonly stop: () => void;
}) {
  const { models, isRunning, ask, stop } = props;
  const [prompt, setPrompt] = useState('');
  const [chosen, setChosen] = useState('');
  const [assurance, setAssurance] = useState<Question['assurance']>('stream');
  const model = models.includes(chosen) ? chosen : (models[0] ?? '');
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (!isRunning && model !== '' && prompt.trim() !== '') void ask({ model, prompt, assurance });
  };
  return (
    <form onSubmit={submit} className="question">
      <label htmlFor="prompt">Your question</label>
      <textarea
        id="prompt"
        rows={3}
        required
        maxLength={20_000}
        value={prompt}
        onChange={(event) => setPrompt(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event);
        }}
        aria-describedby="prompt-help"
      />
      <p id="prompt-help" className="small">
        The workers see what you write. Ctrl and Enter send it.
      </p>
      <label htmlFor="model">Model</label>
      <select id="model" value={model} onChange={(event) => setChosen(event.target.value)}>
        {models.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <fieldset>
        <legend>Show the answer</legend>
        {ASSURANCES.map(([value, name, meaning]) => (
          <label key={value} className="choice">
            <input
              type="radio"
              name="assurance"
              value={value}
              checked={assurance === value}
              onChange={() => setAssurance(value)}
            />
            <span>
              <strong>{name}</strong> <span className="small">{meaning}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div className="row">
        <button type="submit" disabled={isRunning || model === ''}>
          Ask
        </button>
        {isRunning && (
          <button type="button" className="quiet" onClick={stop}>
            Stop
          </button>
        )}
      </div>
    </form>
  );
}

function Answer({ asked }: { readonly asked: Asked }) {
  const { assurance, evidence, failure, state, text, workers } = asked;
  const standing = standingOf(asked);
  return (
    <section aria-labelledby="answer" className="answer">
      <h2 id="answer">Answer</h2>
      {/* The text itself is not announced while it grows; the line below says where things stand. */}
      <p className={text === '' ? 'text muted' : 'text'} aria-busy={state === 'running'}>
        {text === '' ? emptyText(asked) : text}
      </p>
      <p role="status" className={standing.isBad ? 'standing bad' : 'standing'}>
        {standing.sentence}
      </p>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {evidence !== undefined && (
        <>
          <p className="small">
            Price {solOf(BigInt(evidence.priceLamports))} SOL, dispatch {evidence.dispatchNumber} of epoch{' '}
            {evidence.epoch}.
          </p>
          {assurance === 'proof' && (
            <p className="small">Its proofs come when the epoch is over and a worker has made them: check it then.</p>
          )}
          <p>
            <a className="button" href={`#/check/${evidence.requestId}`}>
              Check this answer yourself
            </a>
          </p>
        </>
      )}
      {workers.length > 0 && <WorkerCards workers={workers} outcomes={evidence?.receipts} />}
    </section>
  );
}

function emptyText({ assurance, state }: Asked): string {
  if (state === 'running')
    return assurance !== 'stream' ? 'It appears once two workers have agreed.' : 'Waiting for the first words …';
  return state === 'done' ? 'The answer is empty.' : 'There is no answer.';
}
