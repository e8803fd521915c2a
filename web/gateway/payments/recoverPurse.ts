import { fromHex, type Participant, toHex } from '@karmesh/sdk/protocol';
import { sql as fragment } from 'kysely';
import { type Db, inTransaction, ownGateway, type Sql } from '../store/db.ts';
import { takeGatewayLock } from '../store/gatewayLock.ts';
import { raiseFence } from '../store/openDatabase.ts';
import { lockKeys } from './allowances.ts';
import { closeCharges } from './charges.ts';

/** Charges that are closed in one transaction. */
const AT_ONCE = 500;

export type RecoveredPurse = {
  /** Charges that their process left open, and what they billed. */
  readonly charges: number;
  readonly lamports: bigint;
  /** Allowances that went back. */
  readonly returned: bigint;
};

/**
 * Ends what earlier processes of a gateway left behind: an open charge is billed as its last stored row says, and no more than the price of
 * its entry where one was stored, which is settled; then its allowances go back. Runs before the gateway takes any; killed in the middle, it is run again.
 */
export async function recoverPurse(db: Db, nowMs: bigint): Promise<RecoveredPurse> {
  let [charges, lamports] = [0, 0n];
  for (;;) {
    const ended = await inTransaction(db, (transaction) => closeOrphans(transaction, nowMs));
    charges += ended.charges;
    lamports += ended.lamports;
    if (ended.charges < AT_ONCE) break;
  }
  const returned = await inTransaction(db, async ({ sql, gateway, fence }) => {
    await fragment`select ${ownGateway({ gateway, fence })}`.execute(sql);
    return sql.deleteFrom('allowances').where('gateway', '=', gateway).returning('lamports').execute();
  });
  return { charges, lamports, returned: returned.reduce((sum, row) => sum + row.lamports, 0n) };
}

async function closeOrphans(db: Db, nowMs: bigint): Promise<{ readonly charges: number; readonly lamports: bigint }> {
  await fragment`select ${ownGateway(db)}`.execute(db.sql);
  const orphans = await db.sql
    .selectFrom('charges')
    .leftJoin('entries', 'entries.request_id', 'charges.request_id')
    .select(['charges.request_id', 'key_hash', 'lamports', 'entries.price'])
    .where('charges.gateway', '=', db.gateway)
    .where('state', '=', 'open')
    .orderBy('charges.request_id')
    .limit(AT_ONCE)
    .execute();
  const keys = [...new Set(orphans.map(({ key_hash }) => toHex(key_hash)))].map((hex) => fromHex(hex));
  await lockKeys(db, { asking: [], all: keys });
  const ends = orphans.map(({ request_id, lamports, price }) => ({
    requestId: request_id,
    // As `Bill.end` would have: where no two workers agreed there is no price, whatever was shown.
    billed: price === null || lamports < price ? lamports : price,
    settled: price ?? 0n,
  }));
  await closeCharges(db, ends, nowMs);
  // The bundle of an answer has no more than its buyer owes.
  const unpaid = ends.filter(({ billed, settled }) => billed < settled).map(({ requestId }) => requestId);
  if (unpaid.length > 0) await db.sql.deleteFrom('requests').where('request_id', 'in', unpaid).execute();
  return { charges: orphans.length, lamports: ends.reduce((sum, { billed }) => sum + billed, 0n) };
}

/**
 * Does for the gateways of a PostgreSQL database whose processes have ended what they would do at their next start, so that the credit that they
 * had set aside is free again. One that still runs holds its lock and is left alone; one that comes back finds its place taken, and ends. While
 * a server restarts every lock is free for a moment, so only those are recovered that were free at the look before too.
 */
export async function recoverOthers(parts: {
  readonly db: Db;
  readonly databaseUrl: string;
  readonly nowMs: bigint;
  /** Gateways whose lock was free at the last look, in hexadecimal digits; kept here from one look to the next. */
  readonly seenFree: Set<string>;
}): Promise<readonly (RecoveredPurse & { readonly gateway: Participant })[]> {
  const { seenFree } = parts;
  const recovered: (RecoveredPurse & { readonly gateway: Participant })[] = [];
  for (const gateway of await withLeftovers(parts.db.sql, parts.db.gateway)) {
    const lock = await takeGatewayLock({ databaseUrl: parts.databaseUrl, gateway });
    const name = toHex(gateway);
    if (lock === undefined) {
      seenFree.delete(name);
      continue;
    }
    await using _held = lock;
    if (!seenFree.has(name)) {
      seenFree.add(name);
      continue;
    }
    const fence = await raiseFence(parts.db.sql, gateway);
    recovered.push({ gateway, ...(await recoverPurse({ sql: parts.db.sql, gateway, fence }, parts.nowMs)) });
  }
  return recovered;
}

async function withLeftovers(sql: Sql, self: Participant): Promise<readonly Participant[]> {
  const rows = await sql
    .selectFrom('allowances')
    .select('gateway')
    .union(sql.selectFrom('charges').select('gateway').where('state', '=', 'open'))
    .execute();
  return rows.map(({ gateway }) => gateway).filter((gateway) => toHex(gateway) !== toHex(self));
}
