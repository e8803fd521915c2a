import {
  type Candidate,
  candidateCodec,
  type Dispatch,
  decode,
  dispatchRecord,
  encode,
  MAX_DRAWN,
  type Signed,
  signedCodec,
  type Ticket,
  ticketRecord,
  vector,
} from '@karmesh/sdk/protocol';
import type { Db } from './openDatabase.ts';

const signedDispatch = signedCodec(dispatchRecord);
const signedTicket = signedCodec(ticketRecord);
const drawnCodec = vector(candidateCodec, MAX_DRAWN);

/** The last dispatch number of an epoch, 0 if there is none. */
export async function lastDispatchNumber(db: Db, epoch: bigint): Promise<bigint> {
  const row = await db
    .selectFrom('dispatches')
    .select((column) => column.fn.max('number').as('last'))
    .where('epoch', '=', epoch)
    .executeTakeFirst();
  return row?.last ?? 0n;
}

export type StoredDispatch = {
  readonly epoch: bigint;
  readonly ticketNumber: bigint;
  readonly signed: Signed<Dispatch>;
  /** Everybody whom the draw named, in its order. */
  readonly drawn: readonly Candidate[];
};

/** Stores a signed dispatch, which may leave the process afterwards. A number that is taken in its epoch fails here. */
export async function insertDispatch(db: Db, dispatch: StoredDispatch): Promise<void> {
  await db
    .insertInto('dispatches')
    .values({
      epoch: dispatch.epoch,
      number: dispatch.signed.value.dispatchNumber,
      ticket_number: dispatch.ticketNumber,
      record: encode(signedDispatch, dispatch.signed),
      drawn: encode(drawnCodec, dispatch.drawn),
    })
    .execute();
}

/** Dispatches that have no entry: at start-up, those that the last process did not bring to their end. In order of epoch and number. */
export async function unfinishedDispatches(
  db: Db,
): Promise<readonly (StoredDispatch & { readonly ticket: Signed<Ticket> })[]> {
  const rows = await db
    .selectFrom('dispatches')
    .innerJoin('tickets', 'tickets.number', 'dispatches.ticket_number')
    .leftJoin('entries', (join) =>
      join.onRef('entries.epoch', '=', 'dispatches.epoch').onRef('entries.dispatch_number', '=', 'dispatches.number'),
    )
    .where('entries.epoch', 'is', null)
    .select([
      'dispatches.epoch',
      'dispatches.ticket_number',
      'dispatches.record',
      'dispatches.drawn',
      'tickets.record as ticket',
    ])
    .orderBy('dispatches.epoch')
    .orderBy('dispatches.number')
    .execute();
  return rows.map((row) => ({
    epoch: row.epoch,
    ticketNumber: row.ticket_number,
    signed: decode(signedDispatch, row.record),
    drawn: decode(drawnCodec, row.drawn),
    ticket: decode(signedTicket, row.ticket),
  }));
}
