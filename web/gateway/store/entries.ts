import { decode, type Entry, type EscrowAddress, encode, entryCodec, type RequestId } from '@karmesh/sdk/protocol';
import type { Db } from './openDatabase.ts';
import { type KeptRequest, keepRequest } from './requests.ts';

export type StoredEntry = { readonly epoch: bigint; readonly entry: Entry };

/** Stores the finished entry of a dispatch with what its bundle needs, both or neither. The end of an answer is sent only after this. */
export async function finishEntry(
  db: Db,
  finished: StoredEntry & { readonly kept?: KeptRequest | undefined },
): Promise<void> {
  const { kept } = finished;
  if (kept === undefined) return insertEntry(db, finished);
  await db.transaction().execute(async (transaction) => {
    await insertEntry(transaction, finished);
    await keepRequest(transaction, kept);
  });
}

async function insertEntry(db: Db, { epoch, entry }: StoredEntry): Promise<void> {
  const ticket = entry.ticket.value;
  await db
    .insertInto('entries')
    .values({
      epoch,
      dispatch_number: entry.dispatch.value.dispatchNumber,
      request_id: ticket.requestId,
      escrow: ticket.escrow,
      price: entry.outcome.value.price,
      entry: encode(entryCodec, entry),
      batch_sequence: null,
    })
    .execute();
}

export type FoundEntry = StoredEntry & { readonly batchSequence: bigint | undefined };

export async function findEntry(db: Db, requestId: RequestId): Promise<FoundEntry | undefined> {
  const row = await db
    .selectFrom('entries')
    .select(['epoch', 'entry', 'batch_sequence'])
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { epoch: row.epoch, entry: decode(entryCodec, row.entry), batchSequence: row.batch_sequence ?? undefined };
}

/** Lamports that the entries of each epoch took from an escrow. */
export async function pricesByEpoch(
  db: Db,
  escrow: EscrowAddress,
): Promise<readonly { readonly epoch: bigint; readonly price: bigint }[]> {
  // PostgreSQL's sum of bigint is numeric; a cast back keeps one type, and overflow is an error rather than a wrong number.
  return db
    .selectFrom('entries')
    .select((column) => ['epoch', column.cast<bigint>(column.fn.sum('price'), 'bigint').as('price')])
    .where('escrow', '=', escrow)
    .groupBy('epoch')
    .orderBy('epoch')
    .execute();
}
