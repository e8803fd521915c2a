import { type Db, ownGateway } from './db.ts';

/** A hash chain's secret end and its length. */
export type ChainSecret = { readonly epoch: bigint; readonly secret: Uint8Array; readonly length: number };

export async function findChain(db: Db, epoch: bigint): Promise<ChainSecret | undefined> {
  return chainsOf(db).where('epoch', '=', epoch).executeTakeFirst();
}

/** Stores the chain of an epoch unless there is one, and returns the one that holds: a commitment may be sent for no other. */
export async function keepChain(db: Db, chain: ChainSecret): Promise<ChainSecret> {
  await db.sql
    .insertInto('chains')
    .values({ gateway: ownGateway(db), ...chain })
    .onConflict((conflict) => conflict.columns(['gateway', 'epoch']).doNothing())
    .execute();
  return chainsOf(db).where('epoch', '=', chain.epoch).executeTakeFirstOrThrow();
}

/** The chain of the earliest epoch that is not forgotten. */
export async function oldestChain(db: Db): Promise<ChainSecret | undefined> {
  return chainsOf(db).orderBy('epoch').limit(1).executeTakeFirst();
}

/** After this `keepChain` would make another one: only for an epoch for which none can be committed any more. */
export async function forgetChain(db: Db, epoch: bigint): Promise<void> {
  await db.sql.deleteFrom('chains').where('gateway', '=', db.gateway).where('epoch', '=', epoch).execute();
}

const chainsOf = ({ sql, gateway }: Db) =>
  sql.selectFrom('chains').select(['epoch', 'secret', 'length']).where('gateway', '=', gateway);
