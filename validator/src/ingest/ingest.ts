import {
  type Batch,
  batchRecord,
  checkEntry,
  type Entry,
  type EntryContext,
  encode,
  entryCodec,
  entryHashOf,
  type Hash,
  type Identity,
  MAX_ENTRY_BYTES,
  type Signed,
  toHex,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { StoredEntry } from '../store/epochRecords.ts';
import type { Store } from '../store/openStore.ts';
import { judgeBatchBody, MAX_BATCH_BODY_BYTES } from './batchBody.ts';
import { type Fault, judgeBatchHeader } from './batchHeader.ts';
import { producerHistories } from './producerHistories.ts';

export interface IngestOptions {
  /** Headers whose bodies wait to be fetched, 256 unless told; more are ignored until there is room. */
  readonly maxQueued?: number;
  /** Entries that wait for knowledge, 4,096 unless told; the oldest make room. */
  readonly maxWaiting?: number;
  /** Entries of one epoch, 65,536 unless told; more are ignored. */
  readonly maxEntriesPerEpoch?: number;
  /** How long a body may take, 10,000 milliseconds unless told. */
  readonly fetchTimeoutMs?: number;
}

export interface IngestParts {
  readonly store: Pick<Store, 'addEntry' | 'book' | 'entry'>;
  /** What is known now. */
  readonly context: () => EntryContext;
  readonly currentEpoch: () => bigint | undefined;
  /** The bytes under a hash, from the peer of this identity or any other; undefined if nobody has them. */
  readonly fetchBytes: (
    wanted: { readonly hash: Hash; readonly from: Identity | undefined; readonly maxBytes: number },
    options: { readonly signal: AbortSignal },
  ) => Promise<Uint8Array | undefined>;
  readonly nowMs: () => number;
  readonly log: Pick<Logger, 'debug' | 'warn' | 'info'>;
  /** Counts verdicts by what was judged, the verdict and the rule. */
  readonly count: (what: {
    readonly kind: 'header' | 'body' | 'entry';
    readonly verdict: string;
    readonly rule: string;
  }) => void;
}

export interface Ingest extends AsyncDisposable {
  /** The verdict on a gossiped header; an accepted one is queued for its body. */
  header(bytes: Uint8Array): 'accept' | 'ignore' | 'reject';
  /** Judges one entry now, stores it if it holds and keeps it for later if knowledge is missing. */
  entry(entry: Entry): Promise<'accept' | 'ignore' | 'reject'>;
  /** Judges again what waits: called when the chain has moved. */
  retry(): Promise<void>;
  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void>;
  readonly waiting: number;
}

/** Entries that one retry judges: each costs signatures and hashes. */
const RETRIED_AT_ONCE = 64;

/** How often a body is asked for. */
const MAX_ASKED = 5;

interface Waiting {
  readonly entry: Entry;
}

/** Takes in what gateways publish: headers by gossip, bodies by hash, entries by the rules of E-10 to E-22. Bounded in everything. */
export const ingest =
  (options: IngestOptions = {}) =>
  (parts: IngestParts): Ingest => {
    const { maxQueued = 256, maxWaiting = 4096, maxEntriesPerEpoch = 65_536, fetchTimeoutMs = 10_000 } = options;
    const { store, log } = parts;
    const histories = producerHistories({ nowMs: parts.nowMs });
    const stopped = new AbortController();
    const queue: Signed<Batch>[] = [];
    /** Headers whose bodies nobody had yet, with how often they were asked for. */
    const unfetched = new Map<Signed<Batch>, number>();
    const waiting = new Map<string, Waiting>();
    let working: Promise<void> | undefined;

    const counted = (kind: 'header' | 'body', fault: Fault): Fault['verdict'] => {
      parts.count({ kind, verdict: fault.verdict, rule: fault.rule });
      log.debug(
        { kind, rule: fault.rule, verdict: fault.verdict, facts: fault.facts },
        'Something gossiped was not taken.',
      );
      return fault.verdict;
    };

    function header(bytes: Uint8Array): 'accept' | 'ignore' | 'reject' {
      if (stopped.signal.aborted) return 'ignore';
      const context = parts.context();
      const verdict = judgeBatchHeader(
        {
          domain: context.domain,
          ...(context.verify === undefined ? {} : { verify: context.verify }),
          epoch: parts.currentEpoch(),
          gatewayIdentity: context.gatewayIdentity,
          history: (producer) => histories.of(producer),
        },
        bytes,
      );
      if (verdict.verdict !== 'accept') return counted('header', verdict);
      // I-08: no room. The header is not noted, so that it is taken when it is gossiped again.
      if (queue.length >= maxQueued)
        return counted('header', { verdict: 'ignore', rule: 'I-08', facts: { queued: queue.length } });
      const { value } = verdict.batch;
      histories.note(value.producer, { sequence: value.sequence, headerHash: batchRecord.hash(context.domain, value) });
      parts.count({ kind: 'header', verdict: 'accept', rule: '' });
      queue.push(verdict.batch);
      working ??= drain();
      return 'accept';
    }

    async function drain(): Promise<void> {
      for (let next = queue.shift(); next !== undefined && !stopped.signal.aborted; next = queue.shift()) {
        try {
          if (await takeBody(next.value)) unfetched.delete(next);
          else noteUnfetched(next);
        } catch (err) {
          if (!stopped.signal.aborted)
            log.warn({ err, sequence: next.value.sequence.toString() }, 'A batch could not be taken in.');
        }
      }
      working = undefined;
    }

    function noteUnfetched(batch: Signed<Batch>): void {
      const asked = (unfetched.get(batch) ?? 0) + 1;
      unfetched.delete(batch);
      if (asked < MAX_ASKED && unfetched.size < maxQueued) unfetched.set(batch, asked);
    }

    /** False if nobody has the body. */
    async function takeBody(batch: Batch): Promise<boolean> {
      const context = parts.context();
      const bytes = await parts.fetchBytes(
        {
          hash: batch.bodyHash,
          from: context.gatewayIdentity(batch.producer, batch.epoch),
          maxBytes: MAX_BATCH_BODY_BYTES,
        },
        { signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(fetchTimeoutMs)]) },
      );
      if (bytes === undefined) {
        counted('body', { verdict: 'ignore', rule: 'I-09', facts: { sequence: batch.sequence } });
        return false;
      }
      const verdict = judgeBatchBody(context.domain, { batch, bytes });
      if (verdict.verdict !== 'accept') {
        counted('body', verdict);
        return true;
      }
      parts.count({ kind: 'body', verdict: 'accept', rule: '' });
      await Promise.all(verdict.entries.map((entry) => takeEntry(entry)));
      return true;
    }

    async function takeEntry(entry: Entry): Promise<'accept' | 'ignore' | 'reject'> {
      const entryHash = entryHashOf(entry);
      const key = toHex(entryHash);
      if (store.entry(entryHash) !== undefined) return 'accept';
      if (encode(entryCodec, entry).length > MAX_ENTRY_BYTES) {
        parts.count({ kind: 'entry', verdict: 'reject', rule: 'I-11' });
        return 'reject';
      }
      const context = parts.context();
      const verdict = checkEntry(context, entry);
      if (verdict.verdict === 'accept') {
        const held = store.book(verdict.epoch)?.entries.size ?? 0;
        const slotHash = context.slotHash(entry.dispatch.value.slot);
        if (held >= maxEntriesPerEpoch || slotHash === undefined) {
          parts.count({ kind: 'entry', verdict: 'ignore', rule: 'I-14' });
          return 'ignore';
        }
        const stored: StoredEntry = { entryHash, slotHash, checked: verdict.entry };
        await store.addEntry(stored);
        waiting.delete(key);
        parts.count({ kind: 'entry', verdict: 'accept', rule: '' });
        return 'accept';
      }
      if (verdict.verdict === 'reject') {
        waiting.delete(key);
        parts.count({ kind: 'entry', verdict: 'reject', rule: verdict.rule });
        log.info({ rule: verdict.rule, facts: verdict.facts, entry: key }, 'An entry was rejected.');
        return 'reject';
      }
      parts.count({ kind: 'entry', verdict: 'ignore', rule: verdict.rule });
      waiting.set(key, { entry });
      if (waiting.size > maxWaiting) {
        for (const oldest of waiting.keys()) {
          waiting.delete(oldest);
          break;
        }
      }
      return 'ignore';
    }

    async function retry(): Promise<void> {
      for (const batch of unfetched.keys()) if (!queue.includes(batch) && queue.length < maxQueued) queue.push(batch);
      if (queue.length > 0 && !stopped.signal.aborted) working ??= drain();
      const context = parts.context();
      const current = parts.currentEpoch();
      for (const [key, { entry }] of [...waiting].slice(0, RETRIED_AT_ONCE)) {
        // What still waits goes to the end, so that every entry gets its turn.
        waiting.delete(key);
        const epoch = context.epochOf(entry.dispatch.value.slot);
        // Its set and the next one have closed without it.
        if (current !== undefined && epoch !== undefined && epoch + 2n < current) continue;
        await takeEntry(entry);
      }
    }

    async function idle(): Promise<void> {
      while (working !== undefined) await working;
    }

    return {
      header,
      entry: takeEntry,
      retry,
      idle,
      get waiting() {
        return waiting.size;
      },
      async [Symbol.asyncDispose]() {
        stopped.abort();
        queue.length = 0;
        await idle();
      },
    };
  };
