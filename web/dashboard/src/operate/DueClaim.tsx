import type { DueClaim as Due } from '@karmesh/sdk/client';
import { useCallback } from 'react';
import type { ChainSource } from '../chain/chainSource.ts';
import { solOf } from '../page/micro.ts';
import { useFacts } from '../page/useFacts.ts';
import { claimSentence } from './claimSentence.ts';

/** An epoch takes longer. */
const EVERY_MS = 15_000;

/** What the last final report owes an owner beyond what was claimed, with the button that `offer` makes for it. */
export function DueClaim(props: {
  readonly source: ChainSource;
  readonly participant: Uint8Array;
  readonly offer: (name: string, due: Due) => React.ReactNode;
}) {
  const { offer, participant, source } = props;
  // Every poll of the holdings makes new bytes of the same address.
  const address = participant.join();
  const read = useCallback(
    async (signal: AbortSignal) => ({
      due: await source.claim(Uint8Array.from(address.split(','), Number), signal),
    }),
    [address, source],
  );
  const { failure, value } = useFacts(read, EVERY_MS);
  if (failure !== undefined) return <p role="alert">What can be claimed is not known: {failure}</p>;
  if (value === undefined) return <p className="small">Looking for what can be claimed …</p>;
  const { due } = value;
  return (
    <>
      <p className="small">{claimSentence(due)}</p>
      {due !== undefined && (
        <div className="row wrap">
          {offer(due.dueLamports > 0n ? `Claim ${solOf(due.dueLamports)} SOL` : 'Claim the karma', due)}
        </div>
      )}
    </>
  );
}
