import { type ProofProgress, toHex } from '@karmesh/sdk/protocol';
import { type SyntheticEvent, useEffect, useId, useMemo, useState } from 'react';
import type { ChainNode } from '../chain/chainNode.ts';
import { Digest } from '../page/Digest.tsx';
import { Heading } from '../page/Heading.tsx';
import { BundleForm, type OpenedBundle } from './BundleForm.tsx';
import { type Recheck, recheck, type Subject } from './recheck.ts';
import { Steps } from './Steps.tsx';

/** Rechecks one answer in this browser and shows every step with what it proves. */
export function CheckView(props: {
  readonly apiKey: string;
  readonly requestId: string;
  readonly hasGateway: boolean;
  /** Where the chain is read; undefined where neither gateway nor visitor named a node. */
  readonly node: ChainNode | undefined;
  readonly isOwnNode: boolean;
  /** False as long as it is not known whether there is a gateway, and which node it names. */
  readonly isReady: boolean;
  /** Whether a node that the visitor named is still being asked what it serves: it will be read, or refused. */
  readonly isAsking: boolean;
}) {
  const { apiKey, hasGateway, isAsking, isOwnNode, isReady, node, requestId } = props;
  const [opened, setOpened] = useState<OpenedBundle>();
  const [result, setResult] = useState<Recheck>();
  const [progress, setProgress] = useState<ProofProgress>();
  const [attempt, setAttempt] = useState(1);
  const subject = useMemo((): Subject | undefined => {
    if (opened !== undefined) return { kind: 'bundle', file: opened.file };
    if (requestId === '' || apiKey === '' || !hasGateway) return undefined;
    return { kind: 'request', requestId, gateway: { url: location.origin, apiKey } };
  }, [opened, requestId, apiKey, hasGateway]);
  const rpcUrl = node?.rpcUrl;
  const programId = node?.programId;
  useEffect(() => {
    setResult(undefined);
    setProgress(undefined);
    if (subject === undefined || !isReady || isAsking || attempt === 0) return;
    const ended = new AbortController();
    const read = rpcUrl === undefined || programId === undefined ? undefined : { rpcUrl, programId };
    const onProof = (checked: ProofProgress): void => {
      if (!ended.signal.aborted) setProgress(checked);
    };
    void recheck(subject, { node: read, onProof, signal: ended.signal }).then((found) => {
      if (!ended.signal.aborted) setResult(found);
    });
    return () => ended.abort();
  }, [subject, rpcUrl, programId, isReady, isAsking, attempt]);
  const needsKey = hasGateway && opened === undefined && requestId !== '' && apiKey === '';
  return (
    <>
      <Heading>Check an answer yourself</Heading>
      <p className="lead">
        Your browser does here what <code>karmesh receipt verify</code> does: it takes the evidence and recomputes all
        of it. Where a step compares with the chain, the chain is read directly.
      </p>
      {hasGateway && <RequestForm requestId={requestId} onSubmit={() => setOpened(undefined)} />}
      <BundleForm open={setOpened} />
      {needsKey && (
        <p role="alert">
          A bundle holds your prompt, so that only your key can fetch it. <a href="#/ask">Give the key first.</a>
        </p>
      )}
      {subject !== undefined && (
        <section aria-labelledby="verdict" className="answer">
          <h2 id="verdict">{opened === undefined ? 'What holds' : `What holds of ${opened.name}`}</h2>
          <p role="status" className={result === undefined ? 'standing' : `standing ${toneOf(result)}`}>
            {result === undefined ? underWay({ isAsking, proofs: progress?.of }) : summaryOf(result)}
          </p>
          {result === undefined && progress !== undefined && <ProofsChecked progress={progress} />}
          {result !== undefined && (
            <p>
              <button type="button" className="quiet" onClick={() => setAttempt(attempt + 1)}>
                Check again
              </button>
            </p>
          )}
          {result?.kind === 'verdict' && (
            <>
              <Steps verdict={result.verdict} />
              <p className="small">
                The chain was read at {result.rpc}, which {isOwnNode ? 'you named' : 'the gateway named'}.{' '}
                {!isOwnNode && <a href="#/chain">Name a node of your own</a>}
              </p>
              <p className="small">
                The bundle is of request <Digest hex={toHex(result.verdict.requestId)} />
              </p>
            </>
          )}
          {result?.kind === 'no-chain' && (
            <p>
              Every step starts from what the chain says of the cluster, so that nothing was checked here.{' '}
              <a href="#/chain">Name another RPC node</a>, or run <code>karmesh receipt verify bundle.json</code> on
              your own machine.
            </p>
          )}
        </section>
      )}
    </>
  );
}

function RequestForm(props: { readonly requestId: string; readonly onSubmit: () => void }) {
  const { onSubmit, requestId } = props;
  const [typed, setTyped] = useState(requestId);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    onSubmit();
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

/** Beside the status, which screen readers would read out at every proof. */
function ProofsChecked({ progress }: { readonly progress: ProofProgress }) {
  const id = useId();
  const { checked, of } = progress;
  return (
    <p>
      <progress id={id} max={of} value={checked} />{' '}
      <label htmlFor={id}>
        {checked} of {of} proofs checked
      </label>
    </p>
  );
}

function underWay(known: { readonly isAsking: boolean; readonly proofs: number | undefined }): string {
  if (known.isAsking) return 'Asking the node that you named …';
  if (known.proofs === undefined) return 'Getting the evidence and reading the chain …';
  return `Checking ${known.proofs} proofs in this browser …`;
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

function toneOf(result: Recheck): string {
  if (result.kind !== 'verdict') return 'bad';
  return result.verdict.checks.some(({ holds }) => !holds) ? 'bad' : 'good';
}
