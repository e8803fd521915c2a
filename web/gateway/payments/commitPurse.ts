import { toHex } from '@karmesh/sdk/protocol';
import { sql as fragment } from 'kysely';
import { type Db, inTransaction, ownGateway } from '../store/db.ts';
import { type AllowanceChange, changeAllowances, type Granted, lockKeys } from './allowances.ts';
import { type ClosedCharge, closeCharges, keepCharges, type OpenCharge, type PurseKey } from './charges.ts';

/** What a key's pocket writes in one commit. */
export type PocketChange = {
  readonly key: PurseKey;
  /** What the database has as its allowance. */
  readonly durable: bigint;
  readonly givenBack: bigint;
  readonly needed: bigint;
};

/** Everything of one process that waits to be written. No two parts of it are of one request. */
export type PurseBatch = {
  readonly pockets: readonly PocketChange[];
  readonly metered: readonly OpenCharge[];
  readonly closed: readonly ClosedCharge[];
};

export type PocketWritten = Granted & { /** What the database has as its allowance now. */ readonly durable: bigint };

/** Writes a batch in one transaction, which may be repeated: what it did before it does not do again. The result has a place for each pocket. */
export function commitPurse(
  db: Db,
  batch: PurseBatch,
  options: { readonly blockLamports: bigint; readonly nowMs: bigint },
): Promise<readonly PocketWritten[]> {
  const { nowMs } = options;
  return inTransaction(db, async (transaction) => {
    await fragment`select ${ownGateway(db)}`.execute(transaction.sql);
    const asking = batch.pockets.filter(({ needed }) => needed > 0n).map(({ key }) => key);
    await lockKeys(transaction, { asking, all: batch.pockets.map(({ key }) => key.keyHash) });
    await keepCharges(transaction, [...batch.metered, ...batch.closed.map(billedUsage)], nowMs);
    await closeCharges(
      transaction,
      batch.closed.map(({ request, billed, settled }) => ({ requestId: request.requestId, billed, settled })),
      nowMs,
    );
    const billed = new Map<string, bigint>();
    for (const charge of batch.closed) {
      const name = toHex(charge.key.keyHash);
      billed.set(name, (billed.get(name) ?? 0n) + charge.billed);
    }
    const changes = batch.pockets.map(
      ({ key, durable, givenBack, needed }): AllowanceChange => ({
        key,
        kept: durable - givenBack - (billed.get(toHex(key.keyHash)) ?? 0n),
        needed,
      }),
    );
    const granted = await changeAllowances(transaction, changes, options);
    return granted.map((grant, at) => ({ ...grant, durable: (changes[at]?.kept ?? 0n) + grant.lamports }));
  });
}

const billedUsage = ({ key, request, usage, billed }: ClosedCharge): OpenCharge => ({
  key,
  request,
  usage: { ...usage, lamports: billed },
});
