import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  encode,
  equalBytes,
  type Hash,
  type LogEvent,
  type LogNode,
  logEventCodec,
  logLeafHash,
  logTree,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import { pause } from '../pause.ts';
import { databaseError } from '../store/databaseErrors.ts';
import { insertEvents, readTip, type StoredEvent, type StoredLog } from './logStore.ts';

export type AppendEventsOptions = {
  /** Events that may wait for the disk before nothing new is admitted. */
  readonly maxPending: number;
  /** How long to wait after the disk has failed, in milliseconds. */
  readonly retryMs: number;
};

export type LogAppender = AsyncDisposable & {
  /**
   * Whether something new may begin. What has begun may go on whatever the disk does, so that nothing happens unseen.
   *
   * @throws KarmeshError `STORE_UNREACHABLE` when too many events wait for a disk that takes nothing, `STORE_LOCKED` once another process has the log.
   */
  admit(): void;
  /** Appends an event and gives the index of its leaf; it refuses none. It is on disk a moment later, in this order; `flushed` says when. */
  append(event: LogEvent): number;
  /**
   * Resolves once all that was appended so far is on disk. Rejects with `ABORTED` if the log is disposed of before, with `STORE_LOCKED` if another
   * process has it.
   */
  flushed(): Promise<void>;
  /** Aborted with `STORE_LOCKED` once another process has the log: nothing more gets there. */
  readonly lost: AbortSignal;
  /** What is on disk. */
  tip(): { readonly size: number; readonly root: Hash };
};

/** Leaves in one statement, which PostgreSQL allows 65,535 parameters. */
const MAX_BATCH = 4_096;

/** Events reach the disk in the order of their indices, together with all others that wait (group commit). */
export const appendEvents =
  ({ maxPending, retryMs }: AppendEventsOptions) =>
  async (
    parts: StoredLog & { readonly clock: Pick<Clock, 'alarm'>; readonly log: Pick<Logger, 'error'> },
  ): Promise<LogAppender> => {
    let tree = logTree(await readTip(parts));
    let pending: StoredEvent[] = [];
    let opened = 0;
    let next = tree.size;
    let running: Promise<void> | undefined;
    const stopped = new AbortController();
    const lost = new AbortController();
    /** Events of the newest statement: what may be on disk already must not be written together with others. */
    let tried = 0;
    let waiting: { readonly size: number; readonly done: PromiseWithResolvers<void> }[] = [];

    const tell = (): void => {
      const { size } = tree;
      for (const one of waiting) if (one.size <= size) one.done.resolve();
      waiting = waiting.filter((one) => one.size > size);
    };

    /** A statement whose answer was lost may have been carried out. */
    const isThere = async (grown: ReturnType<typeof logTree>): Promise<boolean> => {
      const tip = await readTip(parts);
      if (tip.size === tree.size) return false;
      const peaks = grown.peaks();
      if (tip.size === grown.size && tip.peaks.every((peak, i) => equalBytes(peak, peaks[i] ?? new Uint8Array())))
        return true;
      throw new KarmeshError('STORE_LOCKED', 'Another process writes to the log of this gateway.', {
        size: tip.size,
        expected: tree.size,
      });
    };

    const giveUp = (cause: KarmeshError): void => {
      parts.log.error({ err: cause, events: pending.length }, 'The log of this gateway belongs to another process.');
      lost.abort(cause);
      pending = [];
      for (const { done } of waiting) done.reject(cause);
      waiting = [];
    };

    /** Whether the next events are on disk now. */
    const flush = async (hasFailed: boolean): Promise<boolean> => {
      const events = pending.slice(0, hasFailed ? tried : MAX_BATCH);
      tried = events.length;
      const grown = logTree({ size: tree.size, peaks: tree.peaks() });
      const nodes: LogNode[] = [];
      for (const { leaf } of events) nodes.push(...grown.append(logLeafHash(leaf)));
      try {
        if (!hasFailed || !(await isThere(grown))) await insertEvents(parts, { first: tree.size, events, nodes });
      } catch (cause) {
        const err = databaseError(cause);
        if (err instanceof KarmeshError && err.code === 'STORE_LOCKED') giveUp(err);
        else
          parts.log.error(
            { err, events: pending.length },
            'Events could not be written to the log; it is tried again.',
          );
        return false;
      }
      tree = grown;
      pending = pending.slice(events.length);
      tell();
      return true;
    };

    const run = async (): Promise<void> => {
      // What is appended in this turn of the event loop goes together.
      await Promise.resolve();
      let hasFailed = false;
      while (pending.length > 0) {
        hasFailed = !(await flush(hasFailed));
        if (hasFailed && stopped.signal.aborted) break;
        if (hasFailed && pending.length > 0) await pause(parts.clock, { ms: retryMs, signal: stopped.signal });
      }
      running = undefined;
    };

    return {
      lost: lost.signal,
      admit() {
        lost.signal.throwIfAborted();
        if (pending.length >= maxPending)
          throw new KarmeshError('STORE_UNREACHABLE', 'The log cannot be written to, and nothing may happen unseen.', {
            pending: pending.length,
          });
      },
      append(event) {
        const index = next;
        if (event.kind === 'opened') opened = index;
        pending.push({ event, leaf: encode(logEventCodec, event), opened });
        next += 1;
        // What nobody will write is not kept.
        if (lost.signal.aborted) pending = [];
        else running ??= run();
        return index;
      },
      flushed() {
        if (lost.signal.aborted) return Promise.reject(lost.signal.reason);
        if (next <= tree.size) return Promise.resolve();
        const done = Promise.withResolvers<void>();
        waiting.push({ size: next, done });
        return done.promise;
      },
      tip: () => ({ size: tree.size, root: tree.root() }),
      async [Symbol.asyncDispose]() {
        stopped.abort();
        // A disk that works gets what is left; one that does not is not waited for.
        await running;
        for (const { done } of waiting)
          done.reject(new KarmeshError('ABORTED', 'The log was closed before this was on disk.'));
      },
    };
  };
