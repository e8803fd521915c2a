import { useState } from 'react';
import { signedSolOf } from '../page/micro.ts';
import { sentenceOf } from '../page/sentenceOf.ts';
import { shortOf } from '../page/shortOf.ts';
import { timeOf } from '../page/timeOf.ts';
import type { AccountApi, Movements } from './accountApi.ts';

const NAMES: Readonly<Record<string, string>> = {
  charge: 'an answer',
  deposit: 'a deposit',
  grant: 'given by the operator',
  x402: 'paid with a request',
};
const LONGEST = 24;

/** The lines of the ledger that moved the account's credit. */
export function MovementList({ api, newest }: { readonly api: AccountApi; readonly newest: Movements }) {
  const [older, setOlder] = useState<Movements>();
  const [failure, setFailure] = useState<string>();
  const last = older?.data.at(-1) ?? newest.data.at(-1);
  const rest = older?.data.filter(({ id }) => !newest.data.some((each) => each.id === id)) ?? [];
  const hasMore = (older ?? newest).has_more;
  const readOlder = async (before: string): Promise<void> => {
    setFailure(undefined);
    try {
      const next = await api.movements(before, AbortSignal.timeout(15_000));
      setOlder((shown) => ({ ...next, data: [...(shown?.data ?? newest.data), ...next.data] }));
    } catch (cause) {
      setFailure(sentenceOf(cause));
    }
  };
  return (
    <section>
      <h2>Movements</h2>
      {newest.data.length === 0 ? (
        <p className="small">Nothing has moved yet.</p>
      ) : (
        <table>
          <caption className="unseen">What moved the credit, the newest first</caption>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">What</th>
              <th scope="col">SOL</th>
            </tr>
          </thead>
          <tbody>
            {[...newest.data, ...rest].map(({ at_ms, id, kind, lamports, reference }) => (
              <tr key={id}>
                <td>{timeOf(at_ms)}</td>
                <td>
                  {NAMES[kind] ?? kind}{' '}
                  <code title={reference} className="muted">
                    {reference.length > LONGEST ? shortOf(reference) : reference}
                  </code>
                </td>
                <td className="amount">{lamports > 0n ? `+${signedSolOf(lamports)}` : signedSolOf(lamports)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {failure !== undefined && <p role="alert">{failure}</p>}
      {hasMore && last !== undefined && (
        <p>
          <button type="button" className="quiet" onClick={() => void readOlder(last.id)}>
            Older ones
          </button>
        </p>
      )}
    </section>
  );
}
