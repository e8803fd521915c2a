import { LEAST_BASE_FEE } from './baseFee.ts';
import { equalBytes, toHex } from './bytes.ts';
import { tryDecode } from './codec.ts';
import type { Hash } from './hash.ts';
import { type LaneOrder, laneOrder } from './laneOrder.ts';
import { LANES } from './lanes.ts';
import { type LogEvent, logEventCodec } from './logEvent.ts';
import { logLeafHash, logTree } from './transparencyTree.ts';

/** G-16: how far a clock that was set back may let times run backwards, in milliseconds. */
export const LOG_CLOCK_TOLERANCE_MS = 2_000;

/** A ticket as the log tells it. */
export type LoggedTicket = {
  readonly ticketHash: Hash;
  readonly ticketNumber: bigint;
  readonly lane: number;
  readonly enteredAtMs: bigint;
};

/** The first event that breaks a rule. `jumped` waited and should have started, `jumping` started in its place. */
export type LogBreak = {
  readonly rule: 'G-10' | 'G-12' | 'G-13' | 'G-14' | 'G-15' | 'G-16' | 'G-17';
  /** Of its leaf. */
  readonly index: number;
  /** A full sentence. */
  readonly sentence: string;
  readonly jumped?: LoggedTicket;
  readonly jumping?: LoggedTicket;
};

export type LogReplay = {
  /** Takes the next leaf: the event that it holds, and the rule that it breaks. After a break nothing more is judged. */
  apply(leaf: Uint8Array): { readonly event: LogEvent | undefined; readonly broken: LogBreak | undefined };
  /** Leaves of the log so far, those before the first that was applied included, and their root. */
  readonly size: number;
  root(): Hash;
  readonly waiting: number;
  readonly working: number;
};

/** One life of a log: what has happened since its newest `opened`. */
type Life = {
  readonly capacity: number;
  readonly order: LaneOrder;
  readonly waiting: Map<bigint, LoggedTicket>;
  readonly working: Map<bigint, LoggedTicket>;
  newest: bigint | undefined;
};

/**
 * Goes through a gateway's log (G-12 to G-17) from an `opened` event on, since a queue is empty then. `size` and `peaks` are those of
 * the tree before it (`logTree`), 0 and none at the log's beginning.
 */
export function replayLog(
  from: { readonly size: number; readonly peaks: readonly Hash[] } = { size: 0, peaks: [] },
): LogReplay {
  const tree = logTree(from);
  let life: Life | undefined;
  let newestAtMs = 0n;
  let lastNumber = 0n;
  let broken: LogBreak | undefined;

  const breaks = (rule: LogBreak['rule'], sentence: string, tickets: Partial<LogBreak> = {}): LogBreak => ({
    rule,
    index: tree.size,
    sentence,
    ...tickets,
  });

  const opens = (event: LogEvent & { readonly kind: 'opened' }): LogBreak | undefined => {
    if (event.size !== BigInt(tree.size) || !equalBytes(event.root, tree.root()))
      return breaks('G-12', 'A process opened the log on another past than the one that it has.');
    life = {
      capacity: event.capacity,
      order: laneOrder(),
      waiting: new Map(),
      working: new Map(),
      newest: undefined,
    };
    return undefined;
  };

  const enters = (
    event: LogEvent & { readonly kind: 'enter' },
    { order, waiting, newest }: Life,
  ): LogBreak | undefined => {
    const { ticketNumber, ticketHash, lane, accountTag, atMs } = event;
    if (lane >= LANES.length) return breaks('G-13', `Ticket ${ticketNumber} entered a lane that there is not.`);
    if (ticketNumber <= lastNumber || (newest !== undefined && ticketNumber !== newest + 1n))
      return breaks('G-13', `Ticket ${ticketNumber} came after ticket ${lastNumber}; numbers rise by one.`);
    order.enter({ ticket: ticketNumber, lane, account: toHex(accountTag) });
    waiting.set(ticketNumber, { ticketHash, ticketNumber, lane, enteredAtMs: atMs });
    return undefined;
  };

  const starts = (event: LogEvent & { readonly kind: 'start' }, own: Life): LogBreak | undefined => {
    const { order, waiting, working, capacity } = own;
    const { ticketNumber } = event;
    const jumping = waiting.get(ticketNumber);
    const next = order.next()?.ticket;
    const jumped = next === undefined ? undefined : waiting.get(next);
    if (jumping === undefined || !equalBytes(jumping.ticketHash, event.ticketHash))
      return breaks('G-14', `Ticket ${ticketNumber} started, and no such ticket was waiting.`, {
        ...(jumped === undefined ? {} : { jumped }),
      });
    if (jumped !== undefined && next !== ticketNumber)
      return breaks(
        'G-14',
        `Ticket ${ticketNumber} of lane ${laneName(jumping)} started before ticket ${next} of lane ${laneName(jumped)}, whose turn it was.`,
        { jumped, jumping },
      );
    if (working.size >= capacity)
      return breaks('G-15', `Ticket ${ticketNumber} started while ${capacity} were at work, which is all that may be.`);
    order.start();
    waiting.delete(ticketNumber);
    working.set(ticketNumber, jumping);
    return undefined;
  };

  const leaves = (event: LogEvent & { readonly kind: 'leave' }, own: Life): LogBreak | undefined => {
    const { order, waiting, working } = own;
    const { ticketNumber } = event;
    if (working.delete(ticketNumber)) return undefined;
    if (!waiting.delete(ticketNumber))
      return breaks('G-15', `Ticket ${ticketNumber} left, and it was neither waiting nor at work.`);
    order.leave(ticketNumber);
    return undefined;
  };

  const judge = (event: LogEvent): LogBreak | undefined => {
    // A process that comes back may find that its machine's clock was put right meanwhile.
    if (event.kind !== 'opened' && event.atMs + BigInt(LOG_CLOCK_TOLERANCE_MS) < newestAtMs)
      return breaks('G-16', `An event is ${newestAtMs - event.atMs} ms older than one before it.`);
    if (event.kind === 'opened') return opens(event);
    if (life === undefined) return breaks('G-12', 'The log does not begin with a process that opens it.');
    switch (event.kind) {
      case 'enter':
        return enters(event, life);
      case 'start':
        return starts(event, life);
      case 'leave':
        return leaves(event, life);
      case 'base-fee':
        return event.thousandths < LEAST_BASE_FEE
          ? breaks('G-17', `The base fee fell to ${event.thousandths} thousandths; it is never below one.`)
          : undefined;
    }
  };

  return {
    apply(leaf) {
      const event = tryDecode(logEventCodec, leaf);
      if (broken === undefined) {
        broken = event === undefined ? breaks('G-10', 'A leaf of the log holds no event.') : judge(event);
        if (event?.kind === 'enter' && broken === undefined && life !== undefined) {
          life.newest = event.ticketNumber;
          lastNumber = event.ticketNumber;
        }
        if (event !== undefined) newestAtMs = laterOf(event, newestAtMs);
      }
      tree.append(logLeafHash(leaf));
      return { event, broken };
    },
    get size() {
      return tree.size;
    },
    root: tree.root,
    get waiting() {
      return life?.waiting.size ?? 0;
    },
    get working() {
      return life?.working.size ?? 0;
    },
  };
}

/** The latest time of a life so far. */
function laterOf({ kind, atMs }: LogEvent, newestAtMs: bigint): bigint {
  return kind === 'opened' || atMs > newestAtMs ? atMs : newestAtMs;
}

function laneName({ lane }: LoggedTicket): string {
  return LANES[lane]?.name ?? `${lane}`;
}

/** The first break in these leaves from an `opened` on; undefined if they keep the rules. */
export function firstBreak(
  leaves: Iterable<Uint8Array>,
  from?: { readonly size: number; readonly peaks: readonly Hash[] },
): LogBreak | undefined {
  const replay = replayLog(from);
  for (const leaf of leaves) {
    const { broken } = replay.apply(leaf);
    if (broken !== undefined) return broken;
  }
  return undefined;
}
