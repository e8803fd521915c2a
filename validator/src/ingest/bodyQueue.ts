import { type Batch, type Participant, toHex } from '@karmesh/sdk/protocol';

export interface BodyQueueOptions {
  /** Headers of one producer whose bodies may be wanted at the same time. */
  readonly maxPerProducer: number;
}

export interface BodyQueueParts {
  /** Fetches and takes in one body: false if nobody had it. */
  readonly take: (batch: Batch) => Promise<boolean>;
  readonly nowMs: () => number;
}

/** The bodies that headers promised and that are not here yet. */
export interface BodyQueue extends AsyncDisposable {
  hasRoom(batch: Batch): boolean;
  add(batch: Batch): void;
  /** Forgets batches that `isOver`, and asks again for bodies whose time has come. */
  retry(isOver: (batch: Batch) => boolean): void;
  /** Asks now for a body that was not to be had before: its producer has just been heard of. */
  hurry(batch: Batch): void;
  /** The same for all bodies of a producer that has come back. */
  isBack(producer: Participant): void;
  /** Resolves when no fetch is under way. */
  idle(): Promise<void>;
}

/** Bodies fetched at once, each from another producer. */
const LANES = 8;
/** How long a body that nobody had rests at first, and at most: twice as long each time, in milliseconds. */
const FIRST_REST_MS = 500;
const LONGEST_REST_MS = 8000;

interface Wanted {
  readonly batch: Batch;
  readonly restMs: number;
  readonly dueAtMs: number;
}

/**
 * Fetches bodies, one at a time of each producer and the producers in turn, so that one that withholds its bodies delays nobody else's.
 * A body is asked for until its batch is over: its producer may have been killed between the header and the body, and be back.
 */
export const bodyQueue =
  ({ maxPerProducer }: BodyQueueOptions) =>
  ({ take, nowMs }: BodyQueueParts): BodyQueue => {
    /** By producer, then by sequence. */
    const producers = new Map<string, Map<bigint, Wanted>>();
    const busy = new Map<string, Promise<void>>();
    let isStopped = false;

    const wantedOf = (batch: Batch): Map<bigint, Wanted> | undefined => producers.get(toHex(batch.producer));

    function pump(): void {
      for (const [producer, wanted] of producers) {
        if (isStopped || busy.size >= LANES) return;
        if (busy.has(producer)) continue;
        const next = [...wanted.values()].find(({ dueAtMs }) => dueAtMs <= nowMs());
        if (next === undefined) continue;
        busy.set(producer, fetchOne(producer, next));
      }
    }

    async function fetchOne(producer: string, { batch, restMs }: Wanted): Promise<void> {
      const isTaken = await take(batch);
      const wanted = producers.get(producer);
      // It may have been forgotten in between.
      if (wanted?.delete(batch.sequence) && !isTaken) {
        const longer = Math.min(2 * restMs, LONGEST_REST_MS);
        wanted.set(batch.sequence, { batch, restMs: longer, dueAtMs: nowMs() + restMs });
      }
      // To the end: the others come first.
      producers.delete(producer);
      if (wanted !== undefined && wanted.size > 0) producers.set(producer, wanted);
      busy.delete(producer);
      pump();
    }

    return {
      hasRoom: (batch) => (wantedOf(batch)?.size ?? 0) < maxPerProducer,
      add(batch) {
        const producer = toHex(batch.producer);
        const wanted = producers.get(producer) ?? new Map<bigint, Wanted>();
        wanted.set(batch.sequence, { batch, restMs: FIRST_REST_MS, dueAtMs: nowMs() });
        producers.set(producer, wanted);
        pump();
      },
      retry(isOver) {
        for (const [producer, wanted] of producers) {
          for (const [sequence, { batch }] of wanted) if (isOver(batch)) wanted.delete(sequence);
          if (wanted.size === 0) producers.delete(producer);
        }
        pump();
      },
      hurry(batch) {
        const wanted = wantedOf(batch);
        const found = wanted?.get(batch.sequence);
        if (found === undefined || found.dueAtMs <= nowMs()) return;
        wanted?.set(batch.sequence, { ...found, dueAtMs: nowMs() });
        pump();
      },
      isBack(producer) {
        const wanted = producers.get(toHex(producer));
        for (const { batch } of [...(wanted?.values() ?? [])])
          wanted?.set(batch.sequence, { batch, restMs: FIRST_REST_MS, dueAtMs: nowMs() });
        pump();
      },
      async idle() {
        while (busy.size > 0) await Promise.all(busy.values());
      },
      async [Symbol.asyncDispose]() {
        isStopped = true;
        producers.clear();
        await this.idle();
      },
    };
  };
