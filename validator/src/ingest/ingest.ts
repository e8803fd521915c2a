import {
  type Batch,
  batchRecord,
  checkEntry,
  type Entry,
  type EntryContext,
  encode,
  entryCodec,
  equalBytes,
  type Hash,
  hash,
  type Identity,
  MAX_ENTRY_BYTES,
  MAX_SET_ENTRIES,
  type Participant,
  type Signed,
  signedBatchCodec,
  toHex,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { inTurns } from '../inTurns.ts';
import type { StoredEntry } from '../store/epochRecords.ts';
import type { Store } from '../store/openStore.ts';
import { type HashedEntry, judgeBatchBody, MAX_BATCH_BODY_BYTES } from './batchBody.ts';
import {
  type Fault,
  type ForkedHeader,
  type HeaderVerdict,
  judgeBatchHeader,
  type ProducerHistory,
} from './batchHeader.ts';
import { bodyQueue } from './bodyQueue.ts';
import { producerHistories } from './producerHistories.ts';

export interface IngestOptions {
  /** Headers of one producer whose bodies wait to be fetched, 256 unless told; more are ignored until there is room. */
  readonly maxQueued?: number;
  /** Entries that wait for knowledge, 4,096 unless told; the oldest make room. */
  readonly maxWaiting?: number;
  /** Entries of one epoch, as many as a set may have (E-30) unless told; more are ignored. */
  readonly maxEntriesPerEpoch?: number;
  /** How long a body may take, 10,000 milliseconds unless told. */
  readonly fetchTimeoutMs?: number;
}

export interface IngestParts {
  readonly store: Pick<Store, 'addEntries' | 'book' | 'hasEntry'>;
  /** What is known now. */
  readonly context: () => EntryContext;
  readonly currentEpoch: () => bigint | undefined;
  /** The bytes under a hash, from the peer of this identity or any other; undefined if nobody has them. */
  readonly fetchBytes: (
    wanted: { readonly hash: Hash; readonly from: Identity | undefined; readonly maxBytes: number },
    options: { readonly signal: AbortSignal },
  ) => Promise<Uint8Array | undefined>;
  readonly nowMs: () => number;
  /** Called with two headers that exclude each other (P-44). */
  readonly heardFork?: (forked: ForkedHeader) => void;
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
  /**
   * Takes headers that their producer answered when it was asked (I-09), in the order of their sequence: what gossip did not bring.
   * Returns the sequence after which to ask it again.
   */
  answered(producer: Participant, headers: readonly Signed<Batch>[]): bigint;
  /** A producer is there again: bodies that were not to be had are asked for now. */
  isBack(producer: Participant): void;
  /** The sequence up to which nothing of a producer is missing. */
  knownTo(producer: Participant): bigint;
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

/** Entries that one fsync makes durable: it takes little beside their signatures, and more of them would outlive a young generation. */
const STORED_AT_ONCE = 64;

/** Entries that are judged in one turn of the event loop, a millisecond each. */
const JUDGED_IN_A_TURN = 16;

/** Takes in what gateways publish: headers by gossip, bodies by hash, entries by the rules of E-10 to E-22. Bounded in everything. */
export const ingest =
  (options: IngestOptions = {}) =>
  (parts: IngestParts): Ingest => {
    const {
      maxQueued = 256,
      maxWaiting = 4096,
      maxEntriesPerEpoch = MAX_SET_ENTRIES,
      fetchTimeoutMs = 10_000,
    } = options;
    const { store, log } = parts;
    const histories = producerHistories({ nowMs: parts.nowMs });
    const stopped = new AbortController();
    const bodies = bodyQueue({ maxPerProducer: maxQueued })({ take: takeBody, nowMs: parts.nowMs });
    const waiting = new Map<string, HashedEntry>();

    const counted = (kind: 'header' | 'body', fault: Fault): Fault['verdict'] => {
      parts.count({ kind, verdict: fault.verdict, rule: fault.rule });
      log.debug(
        { kind, rule: fault.rule, verdict: fault.verdict, facts: fault.facts },
        'Something gossiped was not taken.',
      );
      return fault.verdict;
    };

    /** E-35: an epoch's own set and the next one have closed. */
    function isOver(epoch: bigint): boolean {
      const current = parts.currentEpoch();
      return current !== undefined && epoch + 2n < current;
    }

    function judge(bytes: Uint8Array, history: (producer: Participant) => ProducerHistory): HeaderVerdict {
      const { domain, verify, gatewayIdentity } = parts.context();
      const verdict = judgeBatchHeader(
        { domain, ...(verify === undefined ? {} : { verify }), epoch: parts.currentEpoch(), gatewayIdentity, history },
        bytes,
      );
      if (verdict.verdict !== 'accept') {
        if (verdict.forked !== undefined) parts.heardFork?.(verdict.forked);
        return verdict;
      }
      const { value } = verdict.batch;
      // I-08: no room. The header is not noted, so that it is taken when it comes again.
      if (!bodies.hasRoom(value)) return { verdict: 'ignore', rule: 'I-08', facts: { sequence: value.sequence } };
      histories.note(value.producer, { sequence: value.sequence, headerHash: batchRecord.hash(domain, value), bytes });
      parts.count({ kind: 'header', verdict: 'accept', rule: '' });
      bodies.add(value);
      return verdict;
    }

    function header(bytes: Uint8Array): 'accept' | 'ignore' | 'reject' {
      if (stopped.signal.aborted) return 'ignore';
      const verdict = judge(bytes, histories.of);
      return verdict.verdict === 'accept' ? 'accept' : counted('header', verdict);
    }

    function answered(producer: Participant, headers: readonly Signed<Batch>[]): bigint {
      if (stopped.signal.aborted) return histories.knownTo(producer);
      for (const batch of headers) {
        const { value } = batch;
        if (!equalBytes(value.producer, producer) || value.sequence <= histories.knownTo(producer)) continue;
        // It was asked, so it keeps no pace.
        const verdict = judge(encode(signedBatchCodec, batch), (of) => ({ ...histories.of(of), takeTurn: () => true }));
        if (verdict.verdict !== 'accept') {
          if (verdict.rule === 'I-06') bodies.hurry(value);
          // What is not known yet, or has no room, is asked for again; what is known or false is not.
          else if (verdict.verdict === 'ignore' && !isOver(value.epoch)) break;
        }
        histories.passTo(producer, value.sequence);
      }
      return histories.knownTo(producer);
    }

    /** False if nobody has the body, or if it could not be taken in now. */
    async function takeBody(batch: Batch): Promise<boolean> {
      try {
        return await fetchAndTake(batch);
      } catch (err) {
        if (!stopped.signal.aborted)
          log.warn({ err, sequence: batch.sequence.toString() }, 'A batch could not be taken in; it is tried again.');
        return false;
      }
    }

    async function fetchAndTake(batch: Batch): Promise<boolean> {
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
      await takeEntries(verdict.entries);
      return true;
    }

    async function takeEntries(entries: readonly HashedEntry[]): Promise<void> {
      let accepted: StoredEntry[] = [];
      const keepAccepted = async (): Promise<void> => {
        const batch = accepted;
        accepted = [];
        if (batch.length > 0) await keep(batch);
      };
      for await (const hashed of inTurns(entries, { every: JUDGED_IN_A_TURN, signal: stopped.signal })) {
        const judged = judgeEntry(hashed, accepted.length);
        if (judged.verdict === 'accept' && judged.stored !== undefined) accepted.push(judged.stored);
        if (accepted.length >= STORED_AT_ONCE) await keepAccepted();
      }
      await keepAccepted();
    }

    async function takeEntry(hashed: HashedEntry): Promise<'accept' | 'ignore' | 'reject'> {
      const judged = judgeEntry(hashed, 0);
      if (judged.verdict === 'accept' && judged.stored !== undefined) await keep([judged.stored]);
      return judged.verdict;
    }

    async function keep(accepted: readonly StoredEntry[]): Promise<void> {
      await store.addEntries(accepted);
      for (const { entryHash } of accepted) {
        waiting.delete(toHex(entryHash));
        parts.count({ kind: 'entry', verdict: 'accept', rule: '' });
      }
    }

    /** `stored` is what has to be kept; an entry that is held already has none. `coming` entries are accepted and not yet kept. */
    function judgeEntry(
      hashed: HashedEntry,
      coming: number,
    ): { readonly verdict: 'accept' | 'ignore' | 'reject'; readonly stored?: StoredEntry } {
      const { entryHash } = hashed;
      const key = toHex(entryHash);
      if (store.hasEntry(entryHash)) return { verdict: 'accept' };
      const context = parts.context();
      const entry = hashed.entry();
      const verdict = checkEntry(context, entry, { entryHash });
      if (verdict.verdict === 'accept') {
        const held = (store.book(verdict.epoch)?.entryCount ?? 0) + coming;
        const slotHash = context.slotHash(entry.dispatch.value.slot);
        if (held >= maxEntriesPerEpoch || slotHash === undefined) {
          parts.count({ kind: 'entry', verdict: 'ignore', rule: 'I-14' });
          return { verdict: 'ignore' };
        }
        return { verdict: 'accept', stored: { entryHash, slotHash, checked: verdict.entry } };
      }
      parts.count({ kind: 'entry', verdict: verdict.verdict, rule: verdict.rule });
      if (verdict.verdict === 'reject') {
        waiting.delete(key);
        log.info({ rule: verdict.rule, facts: verdict.facts, entry: key }, 'An entry was rejected.');
        return { verdict: 'reject' };
      }
      waiting.set(key, hashed);
      if (waiting.size > maxWaiting) {
        for (const oldest of waiting.keys()) {
          waiting.delete(oldest);
          break;
        }
      }
      return { verdict: 'ignore' };
    }

    /** An entry that came alone: I-11 is its own bound. */
    async function takeLoneEntry(entry: Entry): Promise<'accept' | 'ignore' | 'reject'> {
      const bytes = encode(entryCodec, entry);
      if (bytes.length > MAX_ENTRY_BYTES) {
        parts.count({ kind: 'entry', verdict: 'reject', rule: 'I-11' });
        return 'reject';
      }
      return takeEntry({ entry: () => entry, entryHash: hash(bytes) });
    }

    async function retry(): Promise<void> {
      const context = parts.context();
      bodies.retry((batch) => isOver(batch.epoch));
      for (const [key, hashed] of [...waiting].slice(0, RETRIED_AT_ONCE)) {
        // What still waits goes to the end, so that every entry gets its turn.
        waiting.delete(key);
        const epoch = context.epochOf(hashed.entry().dispatch.value.slot);
        if (epoch !== undefined && isOver(epoch)) continue;
        await takeEntry(hashed);
      }
    }

    return {
      header,
      answered,
      isBack: bodies.isBack,
      knownTo: histories.knownTo,
      entry: takeLoneEntry,
      retry,
      idle: bodies.idle,
      get waiting() {
        return waiting.size;
      },
      async [Symbol.asyncDispose]() {
        stopped.abort();
        await bodies[Symbol.asyncDispose]();
      },
    };
  };
