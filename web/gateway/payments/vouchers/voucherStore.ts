import { createHash } from 'node:crypto';
import { toBase58 } from '@karmesh/sdk/program';
import {
  decode,
  type EscrowAddress,
  encode,
  type Signed,
  signedCodec,
  toHex,
  type Voucher,
  voucherRecord,
} from '@karmesh/sdk/protocol';
import { addSilentKey, type FoundKey } from '../../store/apiKeys.ts';
import { type Db, inTransaction, ownGateway } from '../../store/db.ts';

export type VoucherStore = {
  /** The account and the key of an escrow's requests, made when it pays for the first time. */
  payerOf(escrow: EscrowAddress, nowMs: bigint): Promise<FoundKey>;
  /** Keeps a voucher if it is greater than the one before; resolves once the greatest is on disk. */
  keep(voucher: Signed<Voucher>, nowMs: bigint): Promise<void>;
  greatest(escrow: EscrowAddress): Signed<Voucher> | undefined;
  /** The greatest of each escrow. */
  all(): readonly Signed<Voucher>[];
};

const signedVoucher = signedCodec(voucherRecord);

/** The gateway's vouchers, read from memory; nothing is in memory that is not on disk. */
export async function openVoucherStore(db: Db): Promise<VoucherStore> {
  const rows = await db.sql.selectFrom('vouchers').select('record').where('gateway', '=', db.gateway).execute();
  const known = new Map<string, Signed<Voucher>>();
  const payers = new Map<string, FoundKey>();
  const remember = (voucher: Signed<Voucher>): void => {
    const name = toHex(voucher.value.escrow);
    const before = known.get(name);
    if (before === undefined || before.value.cumulative < voucher.value.cumulative) known.set(name, voucher);
  };
  for (const { record } of rows) remember(decode(signedVoucher, record));
  const greatest: VoucherStore['greatest'] = (escrow) => known.get(toHex(escrow));
  return {
    greatest,
    all: () => [...known.values()],
    async payerOf(escrow, nowMs) {
      const name = toHex(escrow);
      const payer = payers.get(name) ?? (await makePayer(db, { escrow, nowMs }));
      payers.set(name, payer);
      return payer;
    },
    async keep(voucher, nowMs) {
      const { cumulative, escrow } = voucher.value;
      if (cumulative <= (greatest(escrow)?.value.cumulative ?? -1n)) return;
      await db.sql
        .insertInto('vouchers')
        .values({
          gateway: ownGateway(db),
          escrow,
          cumulative,
          record: encode(signedVoucher, voucher),
          stored_at_ms: nowMs,
        })
        .onConflict((conflict) =>
          conflict
            .columns(['gateway', 'escrow'])
            .doUpdateSet((column) => ({
              cumulative: column.ref('excluded.cumulative'),
              record: column.ref('excluded.record'),
              stored_at_ms: column.ref('excluded.stored_at_ms'),
            }))
            .whereRef('vouchers.cumulative', '<', 'excluded.cumulative'),
        )
        .execute();
      remember(voucher);
    },
  };
}

/** Nobody can present the key, since it has no secret, and the account has no credit: they stand for whose turn it is and whose bundles these are. */
function makePayer(
  db: Db,
  { escrow, nowMs }: { readonly escrow: EscrowAddress; readonly nowMs: bigint },
): Promise<FoundKey> {
  const name = `escrow:${toBase58(escrow)}`;
  const keyHash = new Uint8Array(createHash('sha256').update(name).digest());
  return inTransaction(db, async ({ sql }) => {
    await sql
      .insertInto('accounts')
      .values({ name, wallet: null, credit_limit_lamports: 0n, created_at_ms: nowMs })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const { id: accountId } = await sql
      .selectFrom('accounts')
      .select('id')
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
    await addSilentKey(sql, { keyHash, accountId, name: 'escrow', nowMs });
    await sql
      .insertInto('paying_escrows')
      .values({ escrow, account_id: accountId, key_hash: keyHash })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return { keyHash, accountId };
  });
}
