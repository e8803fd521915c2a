import { KarmeshError } from '@karmesh/sdk/errors';
import {
  decode,
  type Entry,
  type EscrowAddress,
  encode,
  entryCodec,
  equalBytes,
  type RequestId,
} from '@karmesh/sdk/protocol';
import { type Db, inTransaction, ownGateway } from './db.ts';
import { LATER_USAGE } from './laterUsage.ts';
import { type KeptRequest, keepRequest } from './requests.ts';

export type StoredEntry = { readonly epoch: bigint; readonly entry: Entry };

/** What the buyer of a request owes should its process end before it says more: a charge that is open until it is billed. */
export type OwedCharge = {
  readonly key: { readonly keyHash: Uint8Array; readonly accountId: bigint };
  readonly promptTokens: number;
  readonly lamports: bigint;
  /** What was delivered of it, if anything was. */
  readonly delivered: Delivered | undefined;
};

/** What was delivered of an answer, with the record that says so. */
export type Delivered = {
  readonly outputTokens: number;
  readonly chainHash: Uint8Array;
  readonly record: Uint8Array;
};

/** Where nothing was. */
export const NOTHING_DELIVERED: Delivered = {
  outputTokens: 0,
  chainHash: new Uint8Array(32),
  record: new Uint8Array(),
};

export type FinishedEntry = StoredEntry & {
  readonly kept?: KeptRequest | undefined;
  readonly owed?: OwedCharge | undefined;
};

/**
 * Stores the finished entry of a dispatch with what its bundle needs and what is owed for it, all or nothing. It may be repeated when nobody knows
 * whether it was done. The end of an answer is sent only after this.
 */
export async function finishEntry(db: Db, finished: FinishedEntry): Promise<void> {
  await inTransaction(db, async (transaction) => {
    if (!(await insertEntry(transaction, finished))) return;
    if (finished.kept !== undefined) await keepRequest(transaction, finished.kept);
    if (finished.owed !== undefined) await openCharge(transaction, finished.entry, finished.owed);
  });
}

/** False where it was there before. */
async function insertEntry(db: Db, { epoch, entry }: StoredEntry): Promise<boolean> {
  const ticket = entry.ticket.value;
  const { dispatchNumber } = entry.dispatch.value;
  const bytes = encode(entryCodec, entry);
  const { numInsertedOrUpdatedRows } = await db.sql
    .insertInto('entries')
    .values({
      gateway: ownGateway(db),
      epoch,
      dispatch_number: dispatchNumber,
      request_id: ticket.requestId,
      escrow: ticket.escrow,
      price: entry.outcome.value.price,
      entry: bytes,
      batch_sequence: null,
    })
    .onConflict((conflict) => conflict.columns(['gateway', 'epoch', 'dispatch_number']).doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows === 1n) return true;
  const known = await db.sql
    .selectFrom('entries')
    .select('entry')
    .where('gateway', '=', db.gateway)
    .where('epoch', '=', epoch)
    .where('dispatch_number', '=', dispatchNumber)
    .executeTakeFirst();
  if (known === undefined || !equalBytes(known.entry, bytes))
    throw new KarmeshError('STORE_FAILED', 'This dispatch has another entry.', { epoch, dispatchNumber });
  return false;
}

/** The row has the last of what was delivered, whichever way it came here; what is owed is at least as much as either. */
async function openCharge(db: Db, { ticket, outcome }: Entry, owed: OwedCharge): Promise<void> {
  const { delivered = NOTHING_DELIVERED } = owed;
  await db.sql
    .insertInto('charges')
    .values({
      request_id: ticket.value.requestId,
      gateway: db.gateway,
      account_id: owed.key.accountId,
      key_hash: owed.key.keyHash,
      unit_price: ticket.value.unitPrice,
      prompt_tokens: BigInt(owed.promptTokens),
      output_tokens: BigInt(delivered.outputTokens),
      chain_hash: delivered.chainHash,
      usage_record: delivered.record,
      lamports: owed.lamports,
      settled_lamports: null,
      state: 'open',
      updated_at_ms: outcome.value.finishedAtMs,
    })
    .onConflict((conflict) =>
      conflict.column('request_id').doUpdateSet(LATER_USAGE).where('charges.state', '=', 'open'),
    )
    .execute();
}

export type FoundEntry = StoredEntry & { readonly batchSequence: bigint | undefined };

export async function findEntry(db: Db, requestId: RequestId): Promise<FoundEntry | undefined> {
  const row = await db.sql
    .selectFrom('entries')
    .select(['epoch', 'entry', 'batch_sequence'])
    .where('gateway', '=', db.gateway)
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { epoch: row.epoch, entry: decode(entryCodec, row.entry), batchSequence: row.batch_sequence ?? undefined };
}

/** The gateway's newest entries, at most `limit`, the oldest first. */
export async function newestEntries(db: Db, limit: number): Promise<readonly Entry[]> {
  const rows = await db.sql
    .selectFrom('entries')
    .select('entry')
    .where('gateway', '=', db.gateway)
    .orderBy('epoch', 'desc')
    .orderBy('dispatch_number', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ entry }) => decode(entryCodec, entry)).reverse();
}

/** Lamports that the entries of each epoch took from an escrow. */
export async function pricesByEpoch(
  db: Db,
  escrow: EscrowAddress,
): Promise<readonly { readonly epoch: bigint; readonly price: bigint }[]> {
  // PostgreSQL's sum of bigint is numeric; a cast back keeps one type, and overflow is an error rather than a wrong number.
  return db.sql
    .selectFrom('entries')
    .select((column) => ['epoch', column.cast<bigint>(column.fn.sum('price'), 'bigint').as('price')])
    .where('gateway', '=', db.gateway)
    .where('escrow', '=', escrow)
    .groupBy('epoch')
    .orderBy('epoch')
    .execute();
}
