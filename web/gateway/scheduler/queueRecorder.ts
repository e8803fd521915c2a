import type { Clock } from '@karmesh/sdk/clock';
import { fromHex, type Hash, type LaneEvent, type LeaveReason, type LogEvent, toHex } from '@karmesh/sdk/protocol';

/** The gateway's log (G-10), as far as the queue writes it. */
export type QueueLog = {
  /** Whether a ticket may enter. @throws KarmeshError `STORE_UNREACHABLE` when too much waits for the disk, `STORE_LOCKED` */
  admit(): void;
  /** Refuses nothing, since what it is told has happened. */
  append(event: Exclude<LogEvent, { readonly kind: 'opened' }>): void;
  /** Resolves once all that was appended so far is on disk. */
  flushed(): Promise<void>;
  /** What stands for a buyer's account in this life of the log. */
  tagOf(account: Uint8Array): Hash;
  /** The greatest number of a ticket in the log. */
  readonly lastTicketNumber: bigint;
};

export type QueueRecorder = {
  /** What the queue tells of a ticket that `expect` has named. */
  onEvent(event: LaneEvent): void;
  /** Names a ticket before it enters. */
  expect(ticket: { readonly ticketNumber: bigint; readonly ticketHash: Hash }): void;
  /** A ticket that was at work is no longer, for this reason; to be told before its place is given to another. */
  ended(ticketNumber: bigint, reason: LeaveReason): void;
};

/** Who an account is in the lanes' order: the hexadecimal form of its tag, so that whoever replays the log has the same order. */
export const laneAccount = (log: Pick<QueueLog, 'tagOf'>, accountId: bigint): string =>
  toHex(log.tagOf(new TextEncoder().encode(accountId.toString())));

/** Writes what happens in the queue to the log, in the order in which it happens (G-13 to G-15). */
export const queueRecorder = (parts: {
  readonly log: QueueLog;
  readonly clock: Pick<Clock, 'nowMs'>;
}): QueueRecorder => {
  const { clock, log } = parts;
  const known = new Map<bigint, Hash>();
  const atMs = (): bigint => BigInt(clock.nowMs());
  const left = (ticketNumber: bigint, reason: LeaveReason): void => {
    if (known.delete(ticketNumber)) log.append({ kind: 'leave', ticketNumber, reason, atMs: atMs() });
  };
  return {
    expect({ ticketNumber, ticketHash }) {
      known.set(ticketNumber, ticketHash);
    },
    onEvent({ account, kind, lane, ticket: ticketNumber }) {
      const ticketHash = known.get(ticketNumber);
      if (ticketHash === undefined) return;
      if (kind === 'leave') left(ticketNumber, 'cancelled');
      else if (kind === 'start') log.append({ kind, ticketHash, ticketNumber, atMs: atMs() });
      else log.append({ kind, ticketHash, ticketNumber, lane, accountTag: fromHex(account), atMs: atMs() });
    },
    ended: left,
  };
};
