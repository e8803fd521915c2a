import { toHex } from '@karmesh/sdk/protocol';
import { sql as fragment, type RawBuilder } from 'kysely';
import { type KeyHash, utcDay } from '../store/apiKeys.ts';
import type { Db } from '../store/db.ts';
import type { Delivered } from '../store/entries.ts';
import { LATER_USAGE } from '../store/laterUsage.ts';
import { ledgerAccount } from './ledger/accountNames.ts';
import { postAll } from './ledger/post.ts';

/** Whose money a request takes. */
export type PurseKey = { readonly keyHash: KeyHash; readonly accountId: bigint };

/** The request that a charge is for, and the price in its ticket. */
export type ChargedRequest = {
  readonly requestId: Uint8Array;
  readonly unitPrice: bigint;
  readonly promptTokens: number;
};

/** What was delivered of an answer, and what its buyer owes for that. */
export type Usage = Delivered & { readonly lamports: bigint };

export type OpenCharge = { readonly key: PurseKey; readonly request: ChargedRequest; readonly usage: Usage };

/** `billed` is what the buyer owes, `settled` the price that the entry takes from the escrow. */
export type ChargeEnd = { readonly billed: bigint; readonly settled: bigint };

export type ClosedCharge = OpenCharge & ChargeEnd;

/**
 * Stores what was delivered of each request; a charge that is closed stays as it is. One charge of a request at a time. Runs in the caller's
 * transaction, which has made sure that this process is its gateway's.
 */
export async function keepCharges(db: Db, charges: readonly OpenCharge[], nowMs: bigint): Promise<void> {
  if (charges.length === 0) return;
  const requests = charges.map(({ request }) => request);
  const keys = charges.map(({ key }) => key);
  const usages = charges.map(({ usage }) => usage);
  // A column each, so that the statement is as long for a thousand charges as for one.
  await fragment`
    insert into charges (
      request_id, gateway, account_id, key_hash, unit_price, prompt_tokens, output_tokens, chain_hash, usage_record, lamports, state, updated_at_ms
    )
    select request_id, ${db.gateway}::bytea, account_id, key_hash, unit_price, prompt_tokens, output_tokens, chain_hash, usage_record, lamports,
      'open', ${nowMs}::bigint
    from unnest(
      ${requests.map(({ requestId }) => requestId)}::bytea[],
      ${keys.map(({ accountId }) => accountId)}::bigint[],
      ${keys.map(({ keyHash }) => keyHash)}::bytea[],
      ${requests.map(({ unitPrice }) => unitPrice)}::bigint[],
      ${requests.map(({ promptTokens }) => BigInt(promptTokens))}::bigint[],
      ${usages.map(({ outputTokens }) => BigInt(outputTokens))}::bigint[],
      ${usages.map(({ chainHash }) => chainHash)}::bytea[],
      ${usages.map(({ record }) => record)}::bytea[],
      ${usages.map(({ lamports }) => lamports)}::bigint[]
    ) as kept (request_id, account_id, key_hash, unit_price, prompt_tokens, output_tokens, chain_hash, usage_record, lamports)
    on conflict (request_id) do update set
      output_tokens = ${LATER_USAGE.output_tokens},
      chain_hash = ${LATER_USAGE.chain_hash},
      usage_record = ${LATER_USAGE.usage_record},
      lamports = ${LATER_USAGE.lamports},
      updated_at_ms = excluded.updated_at_ms
    where charges.state = 'open' and charges.gateway = excluded.gateway
  `.execute(db.sql);
}

export type ChargeToClose = ChargeEnd & { readonly requestId: Uint8Array };

/**
 * Closes open charges of this gateway and posts them; those that are closed already are left out, so that it can be repeated. The rows of their keys
 * are locked by the caller. Runs in the caller's transaction.
 */
export async function closeCharges(db: Db, ends: readonly ChargeToClose[], nowMs: bigint): Promise<void> {
  if (ends.length === 0) return;
  const closed = await fragment<{
    request_id: Uint8Array;
    account_id: bigint;
    key_hash: Uint8Array;
    lamports: bigint;
    settled_lamports: bigint;
  }>`
    update charges set state = 'closed', lamports = ended.billed, settled_lamports = ended.settled, updated_at_ms = ${nowMs}
    from unnest(
      ${ends.map(({ requestId }) => requestId)}::bytea[],
      ${ends.map(({ billed }) => billed)}::bigint[],
      ${ends.map(({ settled }) => settled)}::bigint[]
    ) as ended (request_id, billed, settled)
    where charges.request_id = ended.request_id and charges.gateway = ${db.gateway} and state = 'open'
    returning charges.request_id, account_id, key_hash, lamports, settled_lamports
  `.execute(db.sql);
  const moved = closed.rows.filter((row) => row.lamports !== 0n || row.settled_lamports !== 0n);
  await countSpent(db, moved, nowMs);
  await postAll(
    db.sql,
    moved.map(({ request_id, account_id, lamports, settled_lamports }) => ({
      kind: 'charge',
      reference: toHex(request_id),
      atMs: nowMs,
      postings: [
        { account: ledgerAccount.credit(account_id), lamports: -lamports },
        { account: ledgerAccount.settlement(db.gateway), lamports: settled_lamports },
        { account: ledgerAccount.margin(db.gateway), lamports: lamports - settled_lamports },
      ],
    })),
  );
}

/** What counts against the caps of a key. A gateway whose clock is behind counts on the later day, which has begun elsewhere. */
async function countSpent(
  { sql }: Db,
  charged: readonly { readonly key_hash: Uint8Array; readonly lamports: bigint }[],
  nowMs: bigint,
): Promise<void> {
  const spent = new Map<string, { readonly keyHash: Uint8Array; lamports: bigint }>();
  for (const { key_hash: keyHash, lamports } of charged) {
    const sum = spent.get(toHex(keyHash)) ?? { keyHash, lamports: 0n };
    sum.lamports += lamports;
    spent.set(toHex(keyHash), sum);
  }
  if (spent.size === 0) return;
  await fragment`
    update api_keys set
      spent_total_lamports = spent_total_lamports + spent.lamports,
      spent_day_lamports = case when spent_day < ${utcDay(nowMs)} then 0 else spent_day_lamports end + spent.lamports,
      spent_day = greatest(spent_day, ${utcDay(nowMs)})
    from (values ${rows([...spent.values()].map(({ keyHash, lamports }) => fragment`(${keyHash}::bytea, ${lamports}::bigint)`))})
      as spent (key_hash, lamports)
    where api_keys.key_hash = spent.key_hash
  `.execute(sql);
}

const rows = (each: readonly RawBuilder<unknown>[]): RawBuilder<unknown> => fragment.join(each);
