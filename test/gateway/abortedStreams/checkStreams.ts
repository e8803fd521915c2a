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

/** What a gateway says that was held up: no workers in time, or none in reach. */
const HELD_UP: readonly number[] = [503, 504];

/** Compares what clients saw with what they were billed. */
export function checkStreams(streams: readonly LeftStream[], { bills, unagreed }: BillsCheck): StreamsCheck {
  const faults: string[] = [];
  const afterLeaving: { billed: number[]; written: number[] } = { billed: [], written: [] };
  const unbilled: number[] = [];
  for (const stream of streams) {
    const { isWhole, leaving, readTokens, requestId, status, writtenTokens } = stream;
    if (status !== undefined && status !== 200 && !HELD_UP.includes(status))
      faults.push(`a stream was answered ${status}`);
    if (requestId === undefined) {
      if (readTokens > 0) faults.push('a stream has no id');
      continue;
    }
    const bill = bills.get(requestId);
    if (status !== 200 && bill !== undefined && bill.billed > 0n)
      faults.push(`an answer of ${status} cost ${bill.billed}`);
    const billed = bill?.tokens ?? 0;
    const say = (fault: string): void => void faults.push(`${requestId.slice(0, 8)}: ${fault}`);
    if (writtenTokens !== undefined) {
      const most = bill?.priceOf(writtenTokens) ?? 0n;
      if (billed > writtenTokens || (bill?.billed ?? 0n) > most)
        say(`${billed} tokens (${bill?.billed} lamports) billed, and ${writtenTokens} (${most}) written`);
    }
    // What no two agreed on is said to be that, and costs nothing.
    const isSold = isWhole && !unagreed.has(requestId);
    if (isSold && (bill === undefined || bill.billed !== bill.priceOf(PIECES.length)))
      say('a whole answer is not billed whole');
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
