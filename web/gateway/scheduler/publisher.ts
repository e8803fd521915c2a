import type { Signer } from '@karmesh/sdk';
import type { Clock } from '@karmesh/sdk/clock';
import {
  type Batch,
  batchBodyCodec,
  batchRecord,
  type Domain,
  type Entry,
  encode,
  entryHashOf,
  hash,
  MAX_BATCH_ENTRIES,
  type Participant,
  type RequestId,
  receiptSetTree,
  type Signed,
  signedBatchCodec,
  signRecord,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import {
  insertBatch,
  lastBatchSequence,
  markPublished,
  unbatchedEntries,
  unpublishedBatches,
} from '../store/batches.ts';
import type { Db } from '../store/openDatabase.ts';

export type PublisherOptions = {
  /** Milliseconds between two headers at least; the protocol allows one a second. */
  readonly intervalMs: number;
};

export type Publisher = AsyncDisposable & {
  /** Says that there may be something to publish. */
  notify(): void;
};

/** Points of a batch: it is on disk; its header has gone out and is not marked as such. */
export type PublisherStage = 'batched' | 'gossiped';

/** Which batch it is, and on its way to the disk the requests in it. */
export type PublisherStageAbout = {
  readonly batch: { readonly sequence: bigint; readonly requestIds?: readonly RequestId[] };
};

export type PublisherParts = {
  readonly db: Db;
  readonly domain: Domain;
  readonly signer: Signer;
  readonly producer: Participant;
  readonly clock: Clock;
  /** The epoch that it is, undefined before the first. */
  readonly epoch: () => bigint | undefined;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Gossips a signed header; resolves with how many peers got it. */
  readonly publish: (bytes: Uint8Array) => Promise<number>;
  readonly onStage?: (stage: PublisherStage, about: PublisherStageAbout) => void;
  /** Called with each header that went out, for metrics. */
  readonly onPublished?: (batch: Batch) => void;
};

/**
 * Publishes finished entries: at most one signed header an interval (F-30), whose body is served by its hash. Order: store the
 * batch, gossip the header, mark it. What a crash leaves in between is gossiped by the next process; a header that reached
 * nobody is tried again.
 */
export const publisher =
  (options: PublisherOptions) =>
  (parts: PublisherParts): Publisher => {
    const { db, clock, log } = parts;
    const stopped = new AbortController();
    let wake = Promise.withResolvers<void>();
    // The first look is for what the last process left behind.
    wake.resolve();

    /** E-35: entries stand in the set of their epoch or of the next. Once that one has ended its closing is due, and whoever lacks a header asks (I-09). */
    const isClosed = (epoch: bigint): boolean => {
      const now = parts.epoch();
      return now !== undefined && epoch + 1n < now;
    };

    /** What the last process left: the newest first, whose epoch may still be open. A header costs an interval, which no closed epoch is worth. */
    const leftBehind = async (): Promise<Signed<Batch> | undefined> => {
      for (const signed of await unpublishedBatches(db)) {
        const { sequence, epoch, count } = signed.value;
        if (!isClosed(epoch)) return signed;
        await markPublished(db, { sequence, nowMs: BigInt(clock.nowMs()) });
        const facts = { sequence: sequence.toString(), epoch: epoch.toString(), count };
        log.warn(
          facts,
          'A batch was not gossiped before its epoch closed: unless validators asked for it, nobody is paid for it.',
        );
      }
      return undefined;
    };

    /** New entries first: validators ask for headers that gossip did not bring them, but can ask for nothing that stands in no batch. */
    const nextBatch = async (): Promise<Signed<Batch> | undefined> => {
      const found = await unbatchedEntries(db, MAX_BATCH_ENTRIES);
      if (found === undefined) return leftBehind();
      const signed = signRecord(batchRecord, parts, {
        producer: parts.producer,
        sequence: (await lastBatchSequence(db)) + 1n,
        epoch: found.epoch,
        merkleRoot: batchRoot(parts.domain, found),
        bodyHash: hash(encode(batchBodyCodec, found.entries)),
        count: found.entries.length,
        issuedAtMs: BigInt(clock.nowMs()),
      });
      await insertBatch(db, { signed, entries: found.entries });
      const requestIds = found.entries.map(({ ticket }) => ticket.value.requestId);
      parts.onStage?.('batched', { batch: { sequence: signed.value.sequence, requestIds } });
      return signed;
    };

    /** Publishes one header if there is one; whether it should look again. */
    const publishOne = async (): Promise<boolean> => {
      const signed = await nextBatch();
      if (signed === undefined) return false;
      const { sequence, epoch, count } = signed.value;
      const peers = await parts.publish(encode(signedBatchCodec, signed));
      if (peers === 0) return true;
      parts.onStage?.('gossiped', { batch: { sequence } });
      await markPublished(db, { sequence, nowMs: BigInt(clock.nowMs()) });
      parts.onPublished?.(signed.value);
      log.info({ sequence: sequence.toString(), epoch: epoch.toString(), count, peers }, 'Published a batch.');
      return true;
    };

    const pause = (): Promise<void> => {
      if (stopped.signal.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const silence = clock.alarm(options.intervalMs, resolve);
      const onStop = (): void => resolve();
      stopped.signal.addEventListener('abort', onStop, { once: true });
      return promise.finally(() => {
        silence();
        stopped.signal.removeEventListener('abort', onStop);
      });
    };

    const run = async (): Promise<void> => {
      while (!stopped.signal.aborted) {
        await wake.promise;
        wake = Promise.withResolvers();
        if (stopped.signal.aborted) return;
        try {
          if (await publishOne()) wake.resolve();
        } catch (err) {
          log.warn({ err }, 'A batch could not be published; it will be tried again.');
          wake.resolve();
        }
        await pause();
      }
    };

    const running = run();
    return {
      notify: () => wake.resolve(),
      async [Symbol.asyncDispose]() {
        stopped.abort();
        wake.resolve();
        await running;
      },
    };
  };

/** F-30: the root of a batch is that of a receipt set (E-32) with the entries in the order of the body. */
function batchRoot(domain: Domain, batch: { readonly epoch: bigint; readonly entries: readonly Entry[] }): Uint8Array {
  const entries = batch.entries.map((entry) => ({ entryHash: entryHashOf(entry), price: entry.outcome.value.price }));
  return receiptSetTree(domain, { epoch: batch.epoch, entries }).root.hash;
}
