import {
  checkEntry,
  checkRecord,
  decode,
  dispatchRecord,
  type Entry,
  entryCodec,
  equalBytes,
  priceLamports,
  signedCodec,
  toHex,
  usageRecord,
} from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import { ledgerAccount } from '../../../web/gateway/payments/ledger/accountNames.ts';
import { balanceOf, recompute } from '../../../web/gateway/payments/ledger/balances.ts';
import type { Sql } from '../../../web/gateway/store/db.ts';
import { domain, gateways, manifest, type standingChain, workers } from '../../bench/gateway/standingChain.ts';

/** What one request was billed, with what the last signed usage of it that is stored says. */
export type Bill = {
  readonly requestId: string;
  readonly billed: bigint;
  /** Output tokens of the usage; 0 where none is stored. */
  readonly tokens: number;
  /** What so many tokens of this request would cost, in lamports. */
  priceOf(outputTokens: number): bigint;
};

export type BillsCheck = {
  /** By request. */
  readonly bills: ReadonlyMap<string, Bill>;
  /** Requests whose gateway lived and found no two workers that agreed. */
  readonly unagreed: ReadonlySet<string>;
  /** What is wrong, in words. */
  readonly faults: readonly string[];
  readonly entries: number;
  /** Requests that were billed though their process died before it stored an entry. */
  readonly withoutEntry: number;
  /** In lamports: what buyers paid, what the escrows pay, and what the gateways have of the difference. */
  readonly billed: bigint;
  readonly settled: bigint;
  readonly margin: bigint;
};

type ChargeRow = Awaited<ReturnType<typeof readCharges>>[number];

const readCharges = (sql: Sql) => sql.selectFrom('charges').selectAll().execute();
const signedUsage = signedCodec(usageRecord);

/**
 * Recomputes every bill from the signed usage that is stored beside it, and the ledger from the bills and the entries, with nothing of the code that made them but the
 * formats, the signatures and the price of tokens (M-01). Runs when no gateway does.
 */
export async function checkBills(
  sql: Sql,
  known: {
    readonly chain: ReturnType<typeof standingChain>;
    readonly accountId: bigint;
    readonly keyHash: Uint8Array;
    readonly granted: bigint;
  },
): Promise<BillsCheck> {
  const faults: string[] = [];
  const stored = await sql.selectFrom('entries').select('entry').execute();
  const entries = new Map<string, Entry>();
  for (const { entry: bytes } of stored) {
    const entry = decode(entryCodec, bytes);
    const verdict = checkEntry(known.chain.judge, entry);
    if (verdict.verdict !== 'accept') faults.push(`An entry is not valid: ${verdict.rule}`);
    entries.set(toHex(entry.ticket.value.requestId), entry);
  }
  if (entries.size !== stored.length) faults.push('A request has two entries.');

  const charges = await readCharges(sql);
  const bills = new Map<string, Bill>();
  const unagreed = new Set([...entries].filter(([, entry]) => isUnagreed(entry)).map(([requestId]) => requestId));
  for (const charge of charges) {
    const requestId = toHex(charge.request_id);
    const say = (fault: string): void => void faults.push(`${requestId.slice(0, 8)}: ${fault}`);
    const entry = entries.get(requestId);
    const price = entry?.outcome.value.price ?? 0n;
    const usage = usageOf(charge, entry, say);
    const terms = { unitPrice: charge.unit_price, activeParameters: manifest.activeParameters };
    const priceOf = (promptTokens: number, outputTokens: number) =>
      priceLamports({ ...terms, promptTokens, outputTokens });
    const promptTokens = usage?.promptTokens ?? Number(charge.prompt_tokens);
    const tokens = usage?.outputTokens ?? 0;
    const taken = usage === undefined ? 0n : priceOf(promptTokens, tokens);
    const prompt = priceOf(promptTokens, 0);
    const least = taken > prompt ? taken : prompt;
    // A price is what two workers have signed, and nobody owes more than that. Without one only the reading of a prompt may be owed, or what a process had shown that died.
    const hasDied = usage !== undefined && !unagreed.has(requestId);
    const right = price > 0n ? [least < price ? least : price] : hasDied ? [taken] : [0n, prompt];
    if (!right.includes(charge.lamports)) say(`${charge.lamports} billed, and not ${right.join(' or ')}`);
    if (charge.state !== 'closed') say('still open');
    if (charge.settled_lamports !== price) say(`${charge.settled_lamports} settled, and ${price} in its entry`);
    if (entry !== undefined && entry.ticket.value.unitPrice !== charge.unit_price) say('another price than its ticket');
    bills.set(requestId, {
      ...{ requestId, billed: charge.lamports, tokens },
      priceOf: (outputTokens) => priceOf(promptTokens, outputTokens),
    });
  }
  for (const [requestId, { outcome }] of entries)
    if (outcome.value.price > 0n && !bills.has(requestId))
      faults.push(`${requestId.slice(0, 8)}: an entry and no charge`);

  const billed = charges.reduce((sum, { lamports }) => sum + lamports, 0n);
  const equal = (what: string, is: bigint | undefined, wanted: bigint): void => {
    if (is !== wanted) faults.push(`${what} is ${is}, and not ${wanted}`);
  };
  let [settled, margin] = [0n, 0n];
  for (const { address } of gateways) {
    const own = [...entries.values()].filter(({ ticket }) => equalBytes(ticket.value.gateway, address));
    const prices = own.reduce((sum, { outcome }) => sum + outcome.value.price, 0n);
    equal('the settlement of a gateway', await balanceOf(sql, ledgerAccount.settlement(address)), prices);
    settled += prices;
    margin += await balanceOf(sql, ledgerAccount.margin(address));
  }
  equal('the margin', margin, billed - settled);
  equal('the credit', await balanceOf(sql, ledgerAccount.credit(known.accountId)), known.granted - billed);
  const key = await sql
    .selectFrom('api_keys')
    .select('spent_total_lamports')
    .where('key_hash', '=', known.keyHash)
    .executeTakeFirst();
  equal('what the key has spent', key?.spent_total_lamports, billed);
  const held = await sql.selectFrom('allowances').select('lamports').execute();
  equal(
    'what is still set aside',
    held.reduce((sum, { lamports }) => sum + lamports, 0n),
    0n,
  );
  const ledger = await recompute(sql);
  equal('the sum of all postings', ledger.sum, 0n);
  for (const { account } of ledger.faults) faults.push(`the balance of ${account} is not what its postings sum to`);
  const withoutEntry = [...bills.keys()].filter((requestId) => !entries.has(requestId)).length;
  return { bills, unagreed, faults, entries: entries.size, withoutEntry, billed, settled, margin };
}

/** E-17: the next process closes what a dead one left with time-outs alone, as if nobody had accepted; a gateway that lived has more to show than that. */
function isUnagreed({ evidence, outcome }: Entry): boolean {
  const { receipts, refusals, seals, timeouts } = evidence;
  const isAbandoned =
    seals.length + receipts.length + refusals.length === 0 &&
    timeouts.every(({ value }) => value.cause === 'no-acceptance');
  return outcome.value.verdict === 'none' && !isAbandoned;
}

/** The last usage of a request that is stored: signed by a worker, for this dispatch, over the tokens that the answer has. */
function usageOf(charge: ChargeRow, entry: Entry | undefined, say: (fault: string) => void) {
  if (charge.usage_record.length === 0) return undefined;
  const signed = decode(signedUsage, charge.usage_record);
  const usage = signed.value;
  const identity = workers.find(({ address }) => equalBytes(address, usage.worker))?.keypair.publicKey;
  if (identity === undefined || !checkRecord(usageRecord, { domain, identity, verify: nativeVerifySignature }, signed))
    say('its usage is signed by no worker');
  if (entry !== undefined && !equalBytes(usage.dispatchHash, dispatchRecord.hash(domain, entry.dispatch.value)))
    say('its usage is of another dispatch');
  if (BigInt(usage.outputTokens) !== charge.output_tokens) say('its usage counts other tokens');
  if (!equalBytes(usage.outputChain, charge.chain_hash)) say('its usage has another chain');
  return usage;
}
