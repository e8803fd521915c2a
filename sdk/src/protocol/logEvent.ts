import { type Codec, type Decoded, oneOf, type Sink, type Source, struct, u8, u32, u64 } from './codec.ts';
import { type Hash, hash, hashCodec } from './hash.ts';

// What stands in the leaves of a gateway's log (G-10). An event names neither prompts nor keys, and its place is the index of its leaf.

/** G-10: why a ticket is no longer there. It may still have waited, or have been at work. */
export const LEAVE_REASONS = ['finished', 'failed', 'cancelled', 'refused'] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

const forms = {
  /** A process began with an empty queue, on a log of `size` leaves with this root; as many run at once as its capacity says. */
  opened: struct({ capacity: u32, size: u64, root: hashCodec, atMs: u64 }),
  /** A ticket (F-20) was issued and waits in its lane. `accountTag` stands for its buyer until the next `opened` (`accountTag`). */
  enter: struct({ ticketHash: hashCodec, ticketNumber: u64, lane: u8, accountTag: hashCodec, atMs: u64 }),
  /** It has its turn. */
  start: struct({ ticketHash: hashCodec, ticketNumber: u64, atMs: u64 }),
  leave: struct({ ticketNumber: u64, reason: oneOf(LEAVE_REASONS), atMs: u64 }),
  /** What tickets are sold for from now on, in thousandths of lane and list price. */
  'base-fee': struct({ thousandths: u32, atMs: u64 }),
} as const;

type Forms = typeof forms;
export type LogEventKind = keyof Forms;
export type LogEvent = { [K in LogEventKind]: { readonly kind: K } & Decoded<Forms[K]> }[LogEventKind];

const KINDS = Object.keys(forms) as LogEventKind[];
const kindCodec = oneOf(KINDS);

/** G-10: a byte for the kind (opened 1, enter 2, start 3, leave 4, base-fee 5), then its fields. */
export const logEventCodec: Codec<LogEvent> = {
  size: undefined,
  write(event: LogEvent, sink: Sink) {
    kindCodec.write(event.kind, sink);
    // The form is that of this event's own kind.
    (forms[event.kind] as Codec<LogEvent>).write(event, sink);
  },
  read(source: Source) {
    const kind = kindCodec.read(source);
    return { kind, ...forms[kind].read(source) } as LogEvent;
  },
};

/** Bytes of an event at most: an `enter`. */
export const MAX_LOG_EVENT_BYTES = 82;

const BLIND = new TextEncoder().encode('karmesh:log-blind');
const TAG = new TextEncoder().encode('karmesh:log-account');

/** G-11: hides one account in one life of a log. The gateway keeps `secret` to itself and gives a buyer the blind of its own account. */
export function accountBlind(secret: Hash, account: Uint8Array): Hash {
  return hash(BLIND, secret, account);
}

/** G-11: what stands for an account. Equal within one life of a log, so that its turns can be followed; elsewhere nobody links it. */
export function accountTag(account: Uint8Array, blind: Hash): Hash {
  return hash(TAG, blind, account);
}
