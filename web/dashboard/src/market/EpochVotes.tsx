import { useEffect, useState } from 'react';
import type { ChainSource, EpochDetails, VoteFacts } from '../chain/chainSource.ts';
import { Address } from '../page/Address.tsx';
import { solOf } from '../page/micro.ts';
import { sentenceOf } from '../page/sentenceOf.ts';

type Read = { readonly details?: EpochDetails; readonly failure?: string };

/** Who voted and what was written, read from the chain by this browser once somebody opens it. */
export function EpochVotes(props: { readonly epoch: bigint; readonly isFinal: boolean; readonly source: ChainSource }) {
  const { epoch, isFinal, source } = props;
  const [isOpen, setIsOpen] = useState(false);
  const [read, setRead] = useState<Read>();
  useEffect(() => {
    setRead(undefined);
    if (!isOpen) return;
    const ended = new AbortController();
    source.details(epoch, ended.signal).then(
      (details) => setRead({ details }),
      (cause: unknown) => {
        if (!ended.signal.aborted) setRead({ failure: sentenceOf(cause) });
      },
    );
    return () => ended.abort();
  }, [isOpen, epoch, source]);
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        Votes and transactions<span className="unseen"> of epoch {epoch.toString()}</span>
      </summary>
      {isOpen && read === undefined && <p>Reading the chain …</p>}
      {read?.failure !== undefined && <p role="alert">{read.failure}</p>}
      {read?.details !== undefined && (
        <>
          <Votes votes={read.details.votes} isFinal={isFinal} />
          <Transactions transactions={read.details.transactions} />
          <p className="small">Read at {new URL(source.node.rpcUrl).origin}, by this browser.</p>
        </>
      )}
    </details>
  );
}

function Votes({ isFinal, votes }: Pick<EpochDetails, 'votes'> & { readonly isFinal: boolean }) {
  if (votes.length === 0) {
    return (
      <p className="small">
        {isFinal
          ? 'Its votes are no longer on chain: whoever voted closes that account once the epoch is final. The transactions are.'
          : 'Nobody has voted yet.'}
      </p>
    );
  }
  return (
    <ul className="rows" aria-label="Votes">
      {votes.map((vote) => (
        <li key={vote.validator}>
          <Address address={vote.validator} />
          <p className="small">
            {solOf(vote.stake)} SOL of stake: {doneBy(vote)}.
          </p>
        </li>
      ))}
    </ul>
  );
}

function doneBy({ hasAttested, hasRevealed, hasRevealedSalt, hasSealed }: VoteFacts): string {
  const done = [
    hasAttested && 'attested the set',
    hasRevealedSalt && 'revealed its salt',
    hasSealed && 'sealed its report',
    hasRevealed && 'revealed it',
  ].filter((step) => step !== false);
  return done.length === 0 ? 'nothing yet' : done.join(', ');
}

function Transactions({ transactions }: Pick<EpochDetails, 'transactions'>) {
  if (transactions.length === 0) return null;
  return (
    <ul className="rows" aria-label="Transactions, the newest first">
      {transactions.map(({ isFailed, signature, slot }) => (
        <li key={signature}>
          <Address address={signature} kind="transaction" />{' '}
          <span className="small">
            slot {slot.toString()}
            {isFailed && ', failed'}
          </span>
        </li>
      ))}
    </ul>
  );
}
