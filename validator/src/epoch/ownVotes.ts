import type { ChainReader, OpenVote } from '../chain/chainReader.ts';
import type { ChainWriter } from '../chain/chainWriter.ts';
import type { DutyResult } from './dutyParts.ts';

type Signalled = { readonly signal: AbortSignal };

/** P-22: this validator's votes until they are closed and paid, however long evidence is taken. */
export interface OwnVotes {
  /** Reads, once in each epoch, which votes may be closed. Throws what RPC throws. */
  look(epoch: bigint, options: Signalled): Promise<void>;
  /** The epochs whose votes may be closed now, ascending. */
  ended(): readonly bigint[];
  /** Closes the vote of one of them. Throws what RPC and the program throw. */
  close(epoch: bigint, options: Signalled): Promise<DutyResult>;
}

export function ownVotes({
  chain,
  writer,
}: {
  readonly chain: Pick<ChainReader, 'slot' | 'ownVotes'>;
  readonly writer: Pick<ChainWriter, 'closeVote'>;
}): OwnVotes {
  let open: readonly OpenVote[] = [];
  let lookedIn: bigint | undefined;
  const replace = (epoch: bigint, by: readonly OpenVote[]): void => {
    open = open.flatMap((one) => (one.epoch === epoch ? by : [one]));
  };
  return {
    async look(epoch, options) {
      if (lookedIn === epoch) return;
      open = await chain.ownVotes.openVotes(options);
      lookedIn = epoch;
    },
    ended: () => open.filter(({ endsAtSlot }) => chain.slot() >= endsAtSlot).map(({ epoch }) => epoch),
    async close(epoch, options) {
      // Somebody else may have closed it, and a fault or a challenge may have given it more time.
      const vote = await chain.ownVotes.openVote(epoch, options);
      replace(epoch, vote === undefined ? [] : [vote]);
      if (vote === undefined) return 'done';
      if (chain.slot() < vote.endsAtSlot) return 'waiting';
      await writer.closeVote(vote, options);
      replace(epoch, []);
      return 'done';
    },
  };
}
