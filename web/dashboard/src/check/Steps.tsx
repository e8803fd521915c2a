import { type BundleProof, proofSentence, type RecheckedBundle } from '@karmesh/sdk/client';
import type { BundleCheck } from '@karmesh/sdk/protocol';
import { explainCheck } from './explainCheck.ts';

/** Every step of a recheck, with what it proves and whether it holds; then what cannot be checked yet. */
export function Steps({ verdict }: { readonly verdict: RecheckedBundle }) {
  const firstFailure = verdict.checks.findIndex(({ holds }) => !holds);
  return (
    <>
      {verdict.proof !== undefined && <Proof proof={verdict.proof} />}
      {verdict.lacksProof === true && (
        <p>Proofs were asked for, and this bundle has none: a replay by auditors alone stands behind the answer.</p>
      )}
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
    </>
  );
}

/** What was proven of which token. */
function Proof({ proof }: { readonly proof: BundleProof }) {
  const { proven, recorded, unproven, isInsecure } = proof;
  return (
    <>
      <p>
        {proofSentence(proof)} No proof shows a value.
        {recorded < proven && ' Records are made some minutes after an answer, and validators take old ones back.'}
        {unproven.length > 0 && ` An auditor’s replay alone covers ${unproven.join(', ')}.`}
      </p>
      {isInsecure && (
        <p className="small">
          <strong>INSECURE DEVELOPMENT KEYS:</strong> everybody can forge these proofs. They are for a local cluster
          alone.
        </p>
      )}
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
