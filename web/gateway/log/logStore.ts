import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type Hash,
  type LogEvent,
  type LogNode,
  logLeafHash,
  logPeaks,
  logRoot,
  type NodeLookup,
  type PathPlan,
  pathHashes,
  type SubtreePlace,
} from '@karmesh/sdk/protocol';
import { sql } from 'kysely';
import { type Db, ownGateway } from '../store/db.ts';

/** The log of the gateway whose database it is. */
export type StoredLog = { readonly db: Db };

/** Subtrees below this level, of less than 256 leaves, are made of their leaves again: to store them would cost as much as the leaves do. */
const STORED_LEVEL = 8;

export type StoredEvent = { readonly event: LogEvent; readonly leaf: Uint8Array; readonly opened: number };

/**
 * Stores leaves from `first` on with the subtrees that they complete: all of it in one statement, or nothing. Fails if one is there already, and
 * with SQLSTATE `KM001` once another process has this one's place.
 */
export async function insertEvents(
  { db }: StoredLog,
  batch: { readonly first: number; readonly events: readonly StoredEvent[]; readonly nodes: readonly LogNode[] },
): Promise<void> {
  const rows = batch.events.map(({ event, leaf, opened }, i) => ({
    // It fails for the whole statement.
    gateway: i === 0 ? ownGateway(db) : db.gateway,
    index: BigInt(batch.first + i),
    leaf,
    opened: BigInt(opened),
    ticket_number: event.kind === 'enter' ? event.ticketNumber : null,
    ticket_hash: event.kind === 'enter' ? event.ticketHash : null,
  }));
  const nodes = batch.nodes
    .filter(({ level }) => level >= STORED_LEVEL)
    .map(({ level, index, hash }) => ({ gateway: db.gateway, level, index: BigInt(index), hash }));
  if (nodes.length === 0) {
    await db.sql.insertInto('log_events').values(rows).execute();
    return;
  }
  await db.sql
    .with('nodes', (query) => query.insertInto('log_nodes').values(nodes))
    .insertInto('log_events')
    .values(rows)
    .execute();
}

/** Where the log goes on: its size and the roots of its largest perfect subtrees (`logTree`). */
export async function readTip(stored: StoredLog): Promise<{ readonly size: number; readonly peaks: readonly Hash[] }> {
  const row = await stored.db.sql
    .selectFrom('log_events')
    .select('index')
    .where('gateway', '=', stored.db.gateway)
    .orderBy('index', 'desc')
    .limit(1)
    .executeTakeFirst();
  const size = row === undefined ? 0 : Number(row.index) + 1;
  const places = logPeaks(size);
  return { size, peaks: places.map(await readNodes(stored, places)) };
}

/** The leaves from `start` to `end - 1`. */
export async function readLeaves(
  { db }: StoredLog,
  range: { readonly start: number; readonly end: number },
): Promise<readonly Uint8Array[]> {
  const rows = await db.sql
    .selectFrom('log_events')
    .select('leaf')
    .where('gateway', '=', db.gateway)
    .where('index', '>=', BigInt(range.start))
    .where('index', '<', BigInt(range.end))
    .orderBy('index')
    .execute();
  return rows.map(({ leaf }) => leaf);
}

/** The hashes of a path of which the log has all subtrees. */
export async function readPath(stored: StoredLog, plan: PathPlan): Promise<readonly Hash[]> {
  return pathHashes(plan, await readNodes(stored, plan.flat()));
}

async function readNodes(stored: StoredLog, places: readonly SubtreePlace[]): Promise<NodeLookup> {
  const { db } = stored;
  const small = places.filter(({ level }) => level < STORED_LEVEL);
  const leafHashes = new Map<number, Hash>();
  if (small.length > 0) {
    const rows = await db.sql
      .selectFrom('log_events')
      .select(['index', 'leaf'])
      .where('gateway', '=', db.gateway)
      .where((row) =>
        row.or(
          small.map((place) => {
            const { begin, end } = leavesUnder(place);
            return row.and([row('index', '>=', BigInt(begin)), row('index', '<', BigInt(end))]);
          }),
        ),
      )
      .execute();
    for (const { index, leaf } of rows) leafHashes.set(Number(index), logLeafHash(leaf));
  }
  const large = places.filter(({ level }) => level >= STORED_LEVEL);
  const nodes = new Map<string, Hash>();
  if (large.length > 0) {
    const rows = await db.sql
      .selectFrom('log_nodes')
      .select(['level', 'index', 'hash'])
      .where('gateway', '=', db.gateway)
      .where((row) => row.or(large.map(({ level, index }) => row.and({ level, index: BigInt(index) }))))
      .execute();
    for (const { level, index, hash } of rows) nodes.set(`${level}/${index}`, hash);
  }
  const missing = ({ level, index }: SubtreePlace): KarmeshError =>
    new KarmeshError('STORE_FAILED', 'The database lacks a part of the log.', { level, index });
  return (place) => {
    if (place.level >= STORED_LEVEL) {
      const hash = nodes.get(`${place.level}/${place.index}`);
      if (hash === undefined) throw missing(place);
      return hash;
    }
    const { begin, end } = leavesUnder(place);
    return logRoot(
      Array.from({ length: end - begin }, (_, i) => {
        const hash = leafHashes.get(begin + i);
        if (hash === undefined) throw missing(place);
        return hash;
      }),
    );
  };
}

function leavesUnder({ level, index }: SubtreePlace): { readonly begin: number; readonly end: number } {
  return { begin: index * 2 ** level, end: (index + 1) * 2 ** level };
}

/** Where a ticket entered, and the opening before it. */
export async function findEntrance(
  { db }: StoredLog,
  ticketHash: Hash,
): Promise<{ readonly index: number; readonly opened: number } | undefined> {
  const row = await db.sql
    .selectFrom('log_events')
    .select(['index', 'opened'])
    .where('ticket_hash', '=', ticketHash)
    .where('gateway', '=', db.gateway)
    .executeTakeFirst();
  return row === undefined ? undefined : { index: Number(row.index), opened: Number(row.opened) };
}

/** The greatest number of a ticket that entered, 0 before the first. */
export async function lastEntered({ db }: StoredLog): Promise<bigint> {
  const row = await db.sql
    .selectFrom('log_events')
    .select('ticket_number')
    .where('gateway', '=', db.gateway)
    .where('ticket_number', 'is not', null)
    .orderBy('ticket_number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.ticket_number ?? 0n;
}

/** Puts a checkpoint in the place of the one before it; one that is older than what is there is passed over. */
export async function putCheckpoint(
  { db }: StoredLog,
  checkpoint: { readonly size: number; readonly note: string },
): Promise<void> {
  const { size, note } = checkpoint;
  await db.sql
    .insertInto('log_checkpoints')
    .values({ gateway: ownGateway(db), size: BigInt(size), note })
    .onConflict((conflict) =>
      conflict
        .column('gateway')
        .doUpdateSet({ size: BigInt(size), note })
        .where(sql.ref('log_checkpoints.size'), '<=', BigInt(size)),
    )
    .execute();
}

export async function lastCheckpoint({ db }: StoredLog): Promise<string | undefined> {
  const row = await db.sql
    .selectFrom('log_checkpoints')
    .select('note')
    .where('gateway', '=', db.gateway)
    .executeTakeFirst();
  return row?.note;
}
