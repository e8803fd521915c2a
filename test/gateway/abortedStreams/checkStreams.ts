import { PIECES } from './answer.ts';
import type { BillsCheck } from './checkBills.ts';
import type { LeftStream } from './leave.ts';

export type StreamsCheck = {
  /** What is wrong, in words. */
  readonly faults: readonly string[];
  /** Of those that left by ending their side: tokens that were billed and that the client had not read when it left, and those that came to its socket after that. */
  readonly afterLeaving: { readonly billed: readonly number[]; readonly written: readonly number[] };
  /** Tokens that clients of the killed gateway read and nobody billed, by stream. */
  readonly unbilled: readonly number[];
};

/** Compares what clients saw with what they were billed. */
export function checkStreams(streams: readonly LeftStream[], { bills }: BillsCheck): StreamsCheck {
  const faults: string[] = [];
  const afterLeaving: { billed: number[]; written: number[] } = { billed: [], written: [] };
  const unbilled: number[] = [];
  for (const stream of streams) {
    const { isWhole, leaving, readTokens, requestId, status, writtenTokens } = stream;
    if (status !== undefined && status !== 200) faults.push(`a stream was answered ${status}`);
    if (requestId === undefined) {
      if (readTokens > 0) faults.push('a stream has no id');
      continue;
    }
    const bill = bills.get(requestId);
    const billed = bill?.tokens ?? 0;
    const say = (fault: string): void => void faults.push(`${requestId.slice(0, 8)}: ${fault}`);
    if (writtenTokens !== undefined) {
      const most = bill?.priceOf(writtenTokens) ?? 0n;
      if (billed > writtenTokens || (bill?.billed ?? 0n) > most)
        say(`${billed} tokens (${bill?.billed} lamports) billed, and ${writtenTokens} (${most}) written`);
    }
    if (isWhole && bill?.billed !== bill?.priceOf(PIECES.length)) say('a whole answer is not billed whole');
    if (leaving.kind === 'ends' && writtenTokens !== undefined && !isWhole) {
      afterLeaving.billed.push(Math.max(0, billed - readTokens));
      afterLeaving.written.push(writtenTokens - readTokens);
    }
    if (billed >= readTokens) continue;
    unbilled.push(readTokens - billed);
    if (stream.place === 0) say(`${readTokens} tokens read of a gateway that lived, and ${billed} billed`);
  }
  return { faults, afterLeaving, unbilled };
}
