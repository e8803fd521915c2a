import {
  type Candidate,
  candidateCodec,
  type Dispatch,
  decode,
  dispatchRecord,
  encode,
  equalBytes,
  type Hash,
  MAX_DRAWN,
  type Signed,
  signedCodec,
  type Ticket,
  ticketRecord,
  vector,
} from '@karmesh/sdk/protocol';
import type { KeyHash } from './apiKeys.ts';
import { type Db, ownGateway } from './db.ts';

const signedDispatch = signedCodec(dispatchRecord);
const signedTicket = signedCodec(ticketRecord);
const drawnCodec = vector(candidateCodec, MAX_DRAWN);

/** The dispatch with the greatest number of an epoch, which the next one follows. */
export async function lastDispatch(db: Db, epoch: bigint): Promise<Signed<Dispatch> | undefined> {
  const row = await db.sql
    .selectFrom('dispatches')
    .select('record')
    .where('gateway', '=', db.gateway)
    .where('epoch', '=', epoch)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : decode(signedDispatch, row.record);
}

export type StoredDispatch = {
  readonly epoch: bigint;
  readonly ticket: Signed<Ticket>;
  readonly signed: Signed<Dispatch>;
  /** The hash of the slot that it names. */
  readonly slotHash: Hash;
  /** Everybody whom the draw named, in its order. */
  readonly drawn: readonly Candidate[];
};

/**
 * Stores a signed dispatch with the ticket of its request and the key that asked, in one statement; both may leave the process
 * afterwards. A ticket's number that is taken fails here, as does a dispatch's number that is taken in its epoch, and nothing is stored.
 */
export async function insertDispatch(db: Db, dispatch: StoredDispatch & { readonly keyHash: KeyHash }): Promise<void> {
  const { ticketNumber, requestId } = dispatch.ticket.value;
  await db.sql
    .with('ticket', (query) =>
      query.insertInto('tickets').values({
        gateway: ownGateway(db),
        number: ticketNumber,
        request_id: requestId,
        record: encode(signedTicket, dispatch.ticket),
        key_hash: dispatch.keyHash,
      }),
    )
    .insertInto('dispatches')
    .values({
      gateway: ownGateway(db),
      epoch: dispatch.epoch,
      number: dispatch.signed.value.dispatchNumber,
      ticket_number: ticketNumber,
      slot_hash: dispatch.slotHash,
      record: encode(signedDispatch, dispatch.signed),
      drawn: encode(drawnCodec, dispatch.drawn),
    })
    .execute();
}

/** Whether this very dispatch is stored, and no other of its number. */
export async function hasDispatch(
  db: Db,
  { epoch, signed }: Pick<StoredDispatch, 'epoch' | 'signed'>,
): Promise<boolean> {
  const row = await db.sql
    .selectFrom('dispatches')
    .select('record')
    .where('gateway', '=', db.gateway)
    .where('epoch', '=', epoch)
    .where('number', '=', signed.value.dispatchNumber)
    .executeTakeFirst();
  return row !== undefined && equalBytes(row.record, encode(signedDispatch, signed));
}

/** Dispatches that have no entry: at start-up, those that the last process did not bring to their end. In order of epoch and number. */
export async function unfinishedDispatches(db: Db): Promise<readonly StoredDispatch[]> {
  const rows = await db.sql
    .selectFrom('dispatches')
    .innerJoin('tickets', (join) =>
      join.onRef('tickets.gateway', '=', 'dispatches.gateway').onRef('tickets.number', '=', 'dispatches.ticket_number'),
    )
    .leftJoin('entries', (join) =>
      join
        .onRef('entries.gateway', '=', 'dispatches.gateway')
        .onRef('entries.epoch', '=', 'dispatches.epoch')
        .onRef('entries.dispatch_number', '=', 'dispatches.number'),
    )
    .where('dispatches.gateway', '=', db.gateway)
    .where('entries.epoch', 'is', null)
    .select([
      'dispatches.epoch',
      'dispatches.slot_hash',
      'dispatches.record',
      'dispatches.drawn',
      'tickets.record as ticket',
    ])
    .orderBy('dispatches.epoch')
    .orderBy('dispatches.number')
    .execute();
  return rows.map((row) => ({
    epoch: row.epoch,
    slotHash: row.slot_hash,
    ticket: decode(signedTicket, row.ticket),
    signed: decode(signedDispatch, row.record),
    drawn: decode(drawnCodec, row.drawn),
  }));
}

/** The hash of the slot that a dispatch named, which the chain itself forgets after 512 slots. */
export async function findSlotHash(
  db: Db,
  dispatch: { readonly epoch: bigint; readonly number: bigint },
): Promise<Hash | undefined> {
  const row = await db.sql
    .selectFrom('dispatches')
    .select('slot_hash')
    .where('gateway', '=', db.gateway)
    .where('epoch', '=', dispatch.epoch)
    .where('number', '=', dispatch.number)
    .executeTakeFirst();
  return row?.slot_hash;
}
