import { type BundleCheck, type BundleVerdict, toHex } from '@karmesh/sdk/protocol';
import { type SyntheticEvent, useEffect, useState } from 'react';
import { Digest } from '../page/Digest.tsx';
import { Heading } from '../page/Heading.tsx';
import { explainCheck } from './explainCheck.ts';
import { type CheckedCluster, type Recheck, recheck } from './recheck.ts';

/** Rechecks one answer in this browser and shows every step with what it proves. */
export function CheckView(props: {
  readonly apiKey: string;
  readonly requestId: string;
  readonly cluster: CheckedCluster | undefined;
}) {
  const { apiKey, requestId, cluster } = props;
  const [result, setResult] = useState<Recheck>();
  const [attempt, setAttempt] = useState(1);
  const rpcUrl = cluster?.rpcUrl;
  const programId = cluster?.programId;
  useEffect(() => {
    if (requestId === '' || apiKey === '' || rpcUrl === undefined || programId === undefined || attempt === 0) return;
    const ended = new AbortController();
    const gateway = { url: location.origin, apiKey };
    setResult(undefined);
    void recheck(gateway, { requestId, cluster: { rpcUrl, programId }, signal: ended.signal }).then((found) => {
      if (!ended.signal.aborted) setResult(found);
    });
    return () => ended.abort();
  }, [apiKey, requestId, rpcUrl, programId, attempt]);
  return (
    <>
      <Heading>Check an answer yourself</Heading>
      <p className="lead">
        Your browser does here what <code>karmesh receipt verify</code> does: it takes the gateway’s evidence and
        recomputes all of it. Where a step compares with the chain, the chain is read directly.
      </p>
      <RequestForm requestId={requestId} />
      {requestId !== '' && apiKey === '' && (
        <p role="alert">
          A bundle holds your prompt, so that only your key can fetch it. <a href="#/ask">Give the key first.</a>
        </p>
      )}
      {requestId !== '' && apiKey !== '' && (
        <>
          <p role="status" className="standing">
            {result === undefined ? 'Fetching the evidence and reading the chain …' : summaryOf(result)}
          </p>
          {result !== undefined && (
            <p>
              <button type="button" className="quiet" onClick={() => setAttempt(attempt + 1)}>
                Check again
              </button>
            </p>
          )}
          {result?.kind === 'verdict' && <Steps verdict={result.verdict} rpc={result.rpc} />}
          {result?.kind === 'no-chain' && (
            <p>
              Every step starts from what the chain says of the cluster, so that nothing was checked here. On your own
              machine <code>karmesh receipt fetch {requestId}</code> and <code>karmesh receipt verify bundle.json</code>{' '}
              do it.
            </p>
          )}
        </>
      )}
    </>
  );
}

function RequestForm({ requestId }: { readonly requestId: string }) {
  const [typed, setTyped] = useState(requestId);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    location.hash = `#/check/${typed.trim()}`;
  };
  return (
    <form onSubmit={submit}>
      <label htmlFor="request">Request id</label>
      <div className="row">
        <input
          id="request"
          className="mono"
          required
          pattern="\s*[0-9a-f]{64}\s*"
          title="64 hexadecimal digits"
          autoComplete="off"
          spellCheck={false}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <button type="submit">Check</button>
      </div>
    </form>
  );
}

function summaryOf(result: Recheck): string {
  if (result.kind === 'no-bundle') return `There is no evidence to check: ${result.reason}`;
  if (result.kind === 'no-chain') return `Not checked here: ${result.reason}`;
  const { checks, holds, pending } = result.verdict;
  const failed = checks.filter((check) => !check.holds).length;
  if (failed > 0) return `This answer does not hold: ${failed} of ${checks.length} steps fail.`;
  if (holds) return `This answer holds: all ${checks.length} steps do, and its epoch is final.`;
  return `All ${checks.length} steps that can be checked now hold. ${pending.join(' ')}`;
}

function Steps({ verdict, rpc }: { readonly verdict: BundleVerdict; readonly rpc: string }) {
  const firstFailure = verdict.checks.findIndex(({ holds }) => !holds);
  return (
    <>
      <ol className="steps">
        {verdict.checks.map((check, i) => (
          <Step key={stepKey(check, i)} check={check} isFirstFailure={i === firstFailure} />
        ))}
        {verdict.pending.map((sentence) => (
          <li key={sentence} className="pending">
            <p className="what">
              <span className="mark" aria-hidden="true">
                …
              </span>
              <span className="unseen">Not yet: </span>
              {sentence}
            </p>
            <p className="small">On a local market an epoch is final about two minutes after your question.</p>
          </li>
        ))}
      </ol>
      <p className="small">
        The chain was read at {rpc}, which the gateway named. If you trust neither, run{' '}
        <code>karmesh receipt verify</code> with a node of your choice. Request{' '}
        <Digest hex={toHex(verdict.requestId)} />
      </p>
    </>
  );
}

function Step({ check, isFirstFailure }: { readonly check: BundleCheck; readonly isFirstFailure: boolean }) {
  const explained = explainCheck(check.what);
  const facts = Object.entries(check.facts).map(([name, value]) => `${name}: ${String(value)}`);
  return (
    <li className={check.holds ? 'holds' : isFirstFailure ? 'fails first' : 'fails'}>
      <p className="what">
        <span className="mark" aria-hidden="true">
          {check.holds ? '✓' : '✗'}
        </span>
        <span className="unseen">{check.holds ? 'Holds: ' : 'Fails: '}</span>
        {sentenceCase(check.what)} <code className="rule">{check.rule}</code>
      </p>
      {explained !== undefined && (
        <p className="small">
          {explained.proves}{' '}
          <span className="source">{explained.readsChain ? 'Compared with the chain.' : 'Computed here.'}</span>
        </p>
      )}
      {facts.length > 0 && <p className="small">{facts.join(', ')}</p>}
    </li>
  );
}

/** Steps about several workers repeat their sentence. */
function stepKey({ rule, what }: BundleCheck, place: number): string {
  return `${place} ${rule} ${what}`;
}

function sentenceCase(what: string): string {
  return `${what.charAt(0).toUpperCase()}${what.slice(1)}`;
}
