import {
  type Batch,
  batchBodyCodec,
  decode,
  type Entry,
  encode,
  entryCodec,
  type Hash,
  type Signed,
  signedBatchCodec,
} from '@karmesh/sdk/protocol';
import { type Db, inTransaction, ownGateway } from './db.ts';

const MAX_BIGINT = 2n ** 63n - 1n;

/** The last batch sequence, 0 if there is none. */
export async function lastBatchSequence(db: Db): Promise<bigint> {
  const row = await db.sql
    .selectFrom('batches')
    .select((column) => column.fn.max('sequence').as('last'))
    .where('gateway', '=', db.gateway)
    .executeTakeFirst();
  return row?.last ?? 0n;
}

/** The oldest epoch with entries that are in no batch, and its first `limit` of them in dispatch order. */
export async function unbatchedEntries(
  db: Db,
  limit: number,
): Promise<{ readonly epoch: bigint; readonly entries: readonly Entry[] } | undefined> {
  const oldest = await db.sql
    .selectFrom('entries')
    .select((column) => column.fn.min('epoch').as('epoch'))
    .where('gateway', '=', db.gateway)
    .where('batch_sequence', 'is', null)
    .executeTakeFirst();
  const epoch = oldest?.epoch;
  if (epoch === undefined || epoch === null) return undefined;
  const rows = await db.sql
    .selectFrom('entries')
    .select('entry')
    .where('gateway', '=', db.gateway)
    .where('batch_sequence', 'is', null)
    .where('epoch', '=', epoch)
    .orderBy('dispatch_number')
    .limit(limit)
    .execute();
  return { epoch, entries: rows.map((row) => decode(entryCodec, row.entry)) };
}

/** Stores a signed batch and marks its entries, both or neither. The header may be gossiped afterwards. */
export async function insertBatch(
  db: Db,
  batch: { readonly signed: Signed<Batch>; readonly entries: readonly Entry[] },
): Promise<void> {
  const { sequence, epoch, bodyHash } = batch.signed.value;
  await inTransaction(db, async (transaction) => {
    await transaction.sql
      .insertInto('batches')
      .values({
        gateway: ownGateway(db),
        sequence,
        epoch,
        body_hash: bodyHash,
        header: encode(signedBatchCodec, batch.signed),
        published_at_ms: null,
      })
      .execute();
    await transaction.sql
      .updateTable('entries')
      .set({ batch_sequence: sequence })
      .where('gateway', '=', db.gateway)
      .where('epoch', '=', epoch)
      .where(
        'dispatch_number',
        'in',
        batch.entries.map((entry) => entry.dispatch.value.dispatchNumber),
      )
      .execute();
  });
}

/** Batches whose header never went out, the newest first: after a crash between storing and gossiping. */
export async function unpublishedBatches(db: Db): Promise<readonly Signed<Batch>[]> {
  const rows = await db.sql
    .selectFrom('batches')
    .select('header')
    .where('gateway', '=', db.gateway)
    .where('published_at_ms', 'is', null)
    .orderBy('sequence', 'desc')
    .execute();
  return rows.map((row) => decode(signedBatchCodec, row.header));
}

/** Entries that are in no header that went out: how many, and when the first of them was finished (Unix milliseconds). */
export async function unpublishedEntries(
  db: Db,
): Promise<{ readonly count: number; readonly oldestAtMs: bigint | undefined }> {
  const waiting = db.sql
    .selectFrom('entries')
    .where('gateway', '=', db.gateway)
    .where((column) =>
      column.or([
        column('batch_sequence', 'is', null),
        column(
          'batch_sequence',
          'in',
          column
            .selectFrom('batches')
            .select('sequence')
            .where('gateway', '=', db.gateway)
            .where('published_at_ms', 'is', null),
        ),
      ]),
    );
  const counted = await waiting.select((column) => column.fn.countAll<bigint>().as('count')).executeTakeFirst();
  const oldest = await waiting.select('entry').orderBy('epoch').orderBy('dispatch_number').limit(1).executeTakeFirst();
  return {
    count: Number(counted?.count ?? 0n),
    oldestAtMs: oldest === undefined ? undefined : decode(entryCodec, oldest.entry).outcome.value.finishedAtMs,
  };
}

export async function markPublished(
  db: Db,
  options: { readonly sequence: bigint; readonly nowMs: bigint },
): Promise<void> {
  await db.sql
    .updateTable('batches')
    .set({ published_at_ms: options.nowMs })
    .where('gateway', '=', db.gateway)
    .where('sequence', '=', options.sequence)
    .execute();
}

/** The body under a batch's body hash: its entries in dispatch order, encoded again from where they are stored once. */
export async function findBatchBody(db: Db, bodyHash: Hash): Promise<Uint8Array | undefined> {
  const batch = await db.sql
    .selectFrom('batches')
    .select('sequence')
    .where('gateway', '=', db.gateway)
    .where('body_hash', '=', bodyHash)
    .executeTakeFirst();
  if (batch === undefined) return undefined;
  const rows = await db.sql
    .selectFrom('entries')
    .select('entry')
    .where('gateway', '=', db.gateway)
    .where('batch_sequence', '=', batch.sequence)
    .orderBy('dispatch_number')
    .execute();
  return encode(
    batchBodyCodec,
    rows.map((row) => decode(entryCodec, row.entry)),
  );
}

/** Signed headers of an epoch and later ones with a sequence above `after`, the lowest first. */
export async function batchesSince(
  db: Db,
  wanted: { readonly epoch: bigint; readonly after: bigint; readonly limit: number },
): Promise<readonly Signed<Batch>[]> {
  // The database counts to 2^63, the protocol to 2^64.
  if (wanted.epoch > MAX_BIGINT || wanted.after > MAX_BIGINT) return [];
  const rows = await db.sql
    .selectFrom('batches')
    .select('header')
    .where('gateway', '=', db.gateway)
    .where('epoch', '>=', wanted.epoch)
    .where('sequence', '>', wanted.after)
    .orderBy('sequence')
    .limit(wanted.limit)
    .execute();
  return rows.map((row) => decode(signedBatchCodec, row.header));
}
