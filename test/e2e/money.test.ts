import {
  type AnswerVerdict,
  ask,
  askStreaming,
  chainReader,
  checkUsage,
  type Gateway,
  payAndVerify,
} from '@karmesh/sdk/client';
import { addressFromBase58, toBase58, toPublicKey } from '@karmesh/sdk/program';
import { equalBytes } from '@karmesh/sdk/protocol';
import { createKeyPairSignerFromBytes } from '@solana/kit';
import { SystemProgram } from '@solana/web3.js';
import {
  decodePaymentRequiredHeader,
  decodePaymentResponseHeader,
  decodePaymentSignatureHeader,
  encodePaymentSignatureHeader,
} from '@x402/core/http';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { ExactSvmScheme } from '@x402/svm/exact/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accountsCommand } from '../../web/gateway/accountsCommand.ts';
import { keysCommand } from '../../web/gateway/keysCommand.ts';
import { ledgerCommand } from '../../web/gateway/ledgerCommand.ts';
import { DEVNET, LOCALNET } from '../../web/gateway/payments/x402/requirements.ts';
import { hasPostgres, type PostgresServer, startPostgres } from '../../web/gateway/store/fixtures/startPostgres.ts';
import { type FinalBundle, startTestMarket, type TestMarket } from '../harness/market.ts';
import { nameToken } from '../harness/nameToken.ts';
import { runCommand } from '../harness/runCommand.ts';
import { namedKey, namedSecret } from '../program/keys.ts';
import type { ConnectedLedger } from '../program/ledger/connectedLedger.ts';
import { makeTokenWallet, payTokens, tokensIn } from '../program/tokenSteps.ts';

// Money from end to end on a whole market of processes: what a buyer pays in on chain, in SOL and in the token, is credited once it is final,
// pays for answers, and comes out of the escrow as lamports in the wallets of the workers.

const SOL = 1_000_000_000n;
/** Lamports for 10^9 base units of the token. */
const TOKEN_RATE = 2n * SOL;
const BPS = 10_000n;
const question = { prompt: 'What is the capital of France?', temperature: 0, maxTokens: 16 };
const wallet = namedKey('money deposits');
const payer = namedKey('money payer');

const title = hasPostgres ? 'money' : 'money (skipped: no PostgreSQL is installed here)';
describe.skipIf(!hasPostgres)(title, () => {
  let postgres: PostgresServer;
  let market: TestMarket;
  let ledger: ConnectedLedger;
  let mint: Uint8Array;
  let buyer: Gateway;
  let accountId: string;

  beforeAll(async () => {
    const signal = AbortSignal.timeout(170_000);
    postgres = await startPostgres();
    market = await startTestMarket(
      {
        workers: 4,
        validators: 4,
        async beforeGateway(client, { treasury }) {
          const named = { initialiser: treasury, payer, deposits: wallet, rate: TOKEN_RATE, signal };
          const token = await nameToken(client, named);
          ({ ledger, mint } = token);
          return [...token.args, '--database-url', postgres.url];
        },
      },
      { signal },
    );
    const command = async (of: typeof keysCommand, ...args: readonly string[]) => {
      const came = await runCommand(of, [...args, '--database-url', postgres.url], signal);
      if (!came.ok) throw new Error(came.sentence);
      return came.data;
    };
    accountId = String((await command(accountsCommand, 'add', 'buyer')).id);
    const { key } = await command(keysCommand, 'add', 'buyer-key', '--account', 'buyer');
    buyer = { url: market.running.gateway.url, apiKey: String(key) };
  }, 180_000);
  afterAll(async () => {
    await market?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  }, 60_000);

  /** The balances of the gateway's ledger that are not zero, by account. */
  async function balances(signal: AbortSignal): Promise<Readonly<Record<string, bigint>>> {
    const came = await runCommand(ledgerCommand, ['show', '--database-url', postgres.url], signal);
    if (!came.ok) throw new Error(came.sentence);
    const rows = came.data as unknown as readonly { readonly account: string; readonly lamports: string }[];
    return Object.fromEntries(rows.map(({ account, lamports }) => [account, BigInt(lamports)]));
  }

  const gatewayAddress = () => {
    const { client } = market.running;
    return client.addresses.participant(market.folder.gateway.identity.publicKey);
  };
  const settlement = () => `settlement:${toBase58(gatewayAddress())}`;
  const margin = () => `margin:${toBase58(gatewayAddress())}`;
  const escrowAddress = () =>
    market.running.client.addresses.escrow(gatewayAddress(), market.folder.treasury.publicKey);
  const escrow = async (signal: AbortSignal) => {
    const found = await market.running.client.escrow(escrowAddress(), { signal });
    if (found === undefined) throw new RangeError('The market has an escrow.');
    return found;
  };

  async function get(path: string, signal: AbortSignal): Promise<unknown> {
    const headers = { authorization: `Bearer ${buyer.apiKey}` };
    return (await fetch(`${buyer.url}${path}`, { headers, signal })).json();
  }
  async function announce(asset: 'sol' | 'token', signal: AbortSignal) {
    const headers = { authorization: `Bearer ${buyer.apiKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ asset });
    const response = await fetch(`${buyer.url}/v1/deposits`, { method: 'POST', headers, body, signal });
    expect(response.status).toBe(201);
    const offer = (await response.json()) as Record<'address' | 'reference' | 'lamportsPerBillion', string>;
    return { ...offer, address: addressFromBase58(offer.address), reference: addressFromBase58(offer.reference) };
  }

  /** Waits until the ledger has `lamports` more in the buyer's credit; then the payment is final on the cluster. */
  async function credited(before: Readonly<Record<string, bigint>>, lamports: bigint, signal: AbortSignal) {
    const credit = `credit:${accountId}`;
    const more = async () => ((await balances(signal))[credit] ?? 0n) - (before[credit] ?? 0n);
    await market.until(async () => (await more()) !== 0n, { signal });
    expect(await more()).toBe(lamports);
    const { data } = (await get('/v1/deposits', signal)) as { data: { signature: string; creditedLamports: string }[] };
    const newest = data.find(({ creditedLamports }) => creditedLamports === `${lamports}`);
    const { value } = await market.running.client.connection.getSignatureStatuses([newest?.signature ?? '']);
    expect(value[0]).toMatchObject({ err: null, confirmationStatus: 'finalized' });
  }

  /** Follows an answer to the lamports in its workers' wallets: each gets its share of the price (M-04), to the last lamport. */
  async function paidOut(
    answer: { readonly requestId: string; readonly price: bigint; readonly gateway: Gateway },
    before: Awaited<ReturnType<typeof standings>>,
    signal: AbortSignal,
  ): Promise<FinalBundle> {
    const final = await market.final(answer.requestId, { gateway: answer.gateway, signal });
    expect(final.verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
    const { entry, report } = final.bundle;
    expect(entry.outcome.value.price).toBe(answer.price);
    const credits = report?.credits ?? [];
    const share = (answer.price * market.cluster.chain.workerShareBps) / BPS / BigInt(credits.length);
    expect(credits.map(({ owed }) => owed)).toEqual(credits.map(() => share));
    expect(share).toBeGreaterThan(0n);
    const isCredited = (address: Uint8Array) => credits.some(({ participant }) => equalBytes(participant, address));
    const gains = async () =>
      (await standings(signal)).map(({ paid, lamports }, index) => ({
        paid: paid - (before[index]?.paid ?? 0n),
        lamports: lamports - (before[index]?.lamports ?? 0n),
      }));
    const expected = before.map(({ address }) => (isCredited(address) ? share : 0n));
    await market.until(async () => (await gains()).every(({ paid }, index) => paid === expected[index]), { signal });
    expect(await gains()).toEqual(expected.map((lamports) => ({ paid: lamports, lamports })));
    return final;
  }

  /** What each worker was ever paid, and what its owner's wallet holds. */
  const standings = (signal: AbortSignal) =>
    Promise.all(
      market.folder.workers.map(async ({ owner }, index) => {
        const { address, lifetimePaid: paid } = await market.worker(index, { signal });
        return { address, paid, lamports: await market.running.client.balance(owner.publicKey, { signal }) };
      }),
    );

  /** Asks with the buyer's key, and waits for the bill: the credit pays what the chain will debit. */
  async function askAndBill(signal: AbortSignal) {
    const before = await balances(signal);
    const { evidence } = await ask(buyer, { ...question, signal });
    expect(evidence.quorum.verdict).toBe('agreed');
    const price = BigInt(evidence.priceLamports);
    const change = async () => {
      const now = await balances(signal);
      return [`credit:${accountId}`, settlement(), margin()].map((name) => (now[name] ?? 0n) - (before[name] ?? 0n));
    };
    await market.until(async () => (await change()).some((lamports) => lamports !== 0n), { signal });
    expect(await change()).toEqual([-price, price, 0n]);
    return { requestId: evidence.requestId, price, gateway: buyer };
  }

  async function settledOnChain(signal: AbortSignal): Promise<void> {
    const owed = (await balances(signal))[settlement()] ?? 0n;
    await market.until(async () => (await escrow(signal)).cumulativeDebit >= owed, { signal });
    expect((await escrow(signal)).cumulativeDebit).toBe(owed);
  }

  test('SOL that was paid in ends as lamports in the wallets of the workers', { timeout: 150_000 }, async () => {
    const signal = AbortSignal.timeout(145_000);
    const held = (await escrow(signal)).balance;
    const offer = await announce('sol', signal);
    const before = await balances(signal);
    const lamports = SOL / 10n;
    const transfer = SystemProgram.transfer({
      fromPubkey: toPublicKey(payer.publicKey),
      toPubkey: toPublicKey(offer.address),
      lamports,
    });
    transfer.keys.push({ pubkey: toPublicKey(offer.reference), isSigner: false, isWritable: false });
    await ledger.send([transfer], [payer]);
    await credited(before, lamports, signal);
    expect(await balances(signal)).toMatchObject({ 'deposits:sol': -lamports, [`credit:${accountId}`]: lamports });
    const paid = await standings(signal);
    const answer = await askAndBill(signal);
    await paidOut(answer, paid, signal);
    await settledOnChain(signal);
    expect((await escrow(signal)).balance).toBe(held - answer.price);
  });

  test('tokens that were paid in are credited at the rate; their workers are paid in lamports', {
    timeout: 150_000,
  }, async () => {
    const signal = AbortSignal.timeout(145_000);
    const offer = await announce('token', signal);
    expect(offer.lamportsPerBillion).toBe(`${TOKEN_RATE}`);
    const before = await balances(signal);
    const [amount, from] = [30_000_000n, await payersTokens()];
    await payTokens(ledger, payer, { from, to: offer.address, amount, reference: offer.reference });
    const lamports = (amount * TOKEN_RATE) / SOL;
    await credited(before, lamports, signal);
    expect((await balances(signal))['deposits:spl']).toBe(-lamports);
    const [paid, tokens] = [await standings(signal), await tokensIn(ledger, offer.address)];
    await paidOut(await askAndBill(signal), paid, signal);
    await settledOnChain(signal);
    // The tokens stay with the gateway's operator: what workers get comes out of its escrow.
    expect(await tokensIn(ledger, offer.address)).toBe(tokens);
  });

  const payersTokens = async () => makeTokenWallet(ledger, payer, { mint, owner: payer.publicKey });

  test('the unmodified client of x402 buys without a key, the answer is checked, and ledger and escrow agree at the end', {
    timeout: 150_000,
  }, async () => {
    const signal = AbortSignal.timeout(145_000);
    const { client, gateway, modelName, rpcUrl } = market.running;
    const paying = new x402Client()
      .setSpendControls({ allowedAssets: true })
      .register(DEVNET, new ExactSvmScheme(await createKeyPairSignerFromBytes(namedSecret('money payer')), { rpcUrl }));
    const told: Response[] = [];
    const payments: string[] = [];
    const watched =
      (send: typeof fetch): typeof fetch =>
      async (input, init) => {
        const request = new Request(input, init);
        payments.push(request.headers.get('payment-signature') ?? '');
        const response = await send(request);
        told.push(response.clone());
        return response;
      };
    const verdicts: AnswerVerdict[] = [];
    const buy = payAndVerify({
      gateway: { url: gateway.url },
      payer: (send) => wrapFetchWithPayment(watched(send), paying),
      verify: 'quorum',
      chain: {
        reader: chainReader({ rpcUrl, programId: client.addresses.programId }),
        presets: [market.cluster],
        isLocal: true,
      },
      onVerified: (verdict) => verdicts.push(verdict),
      signal,
    });
    const [before, paid] = [await balances(signal), await standings(signal)];
    const content = { model: modelName, messages: [{ role: 'user', content: question.prompt }], max_tokens: 16 };
    const response = await buy(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...content, temperature: 0 }),
    });
    expect([response.status, await response.json()]).toMatchObject([200, { object: 'chat.completion' }]);
    await buy.idle();
    expect(verdicts).toMatchObject([{ kind: 'holds' }]);
    const offer = decodePaymentRequiredHeader(told[0]?.headers.get('payment-required') ?? '').accepts[0];
    expect(offer).toMatchObject({ network: DEVNET, asset: toBase58(mint), extra: { cluster: LOCALNET } });
    const settled = decodePaymentResponseHeader(response.headers.get('payment-response') ?? '');
    expect(settled).toMatchObject({ success: true, network: DEVNET, payer: toBase58(payer.publicKey) });

    const evidence = verdicts[0]?.evidence;
    const price = BigInt(evidence?.priceLamports ?? 0);
    // Whoever paid shows the payment in place of a key, and nobody else sees the bundle.
    const address = `${gateway.url}/v1/receipts/${evidence?.requestId}`;
    const [payment = ''] = payments.filter((sent) => sent !== '');
    const show =
      (sent: string): typeof fetch =>
      (_input, init) =>
        fetch(address, { headers: { 'payment-signature': sent }, signal: init?.signal ?? null });
    expect((await fetch(address, { signal })).status).toBe(401);
    expect((await show(unsalted(payment))(address)).status).toBe(401);
    const asPayer: Gateway = { url: gateway.url, apiKey: '', fetch: show(payment) };
    await paidOut({ requestId: evidence?.requestId ?? '', price, gateway: asPayer }, paid, signal);
    const lamports = (BigInt(offer?.amount ?? 0) * TOKEN_RATE) / SOL;
    const after = await balances(signal);
    const [credit] = Object.keys(after).filter((name) => name.startsWith('credit:') && name !== `credit:${accountId}`);
    expect(after).toMatchObject({
      [credit ?? '']: lamports - price,
      'deposits:spl': (before['deposits:spl'] ?? 0n) - lamports,
      [settlement()]: (before[settlement()] ?? 0n) + price,
    });
    expect(after.unclaimed ?? 0n).toBe(0n);

    await settledOnChain(signal);
    expect(Object.values(after).reduce((sum, lamports) => sum + lamports, 0n)).toBe(0n);
    // What the escrow paid and what came to both deposit addresses, this payment among it, is what the tables have.
    const { rpcEndpoint } = market.running.client.connection;
    const settings = ['--chain', '--url', rpcEndpoint, '--database-url', postgres.url];
    const taken = `${(await escrow(signal)).cumulativeDebit}`;
    expect(await runCommand(ledgerCommand, ['check', ...settings], signal)).toMatchObject({
      ok: true,
      data: {
        differences: [],
        escrows: [{ escrow: toBase58(escrowAddress()), priced: taken, debited: taken, open: '0' }],
        transactions: expect.any(Number),
      },
    });
  });

  // The last of them: what it pays its workers comes some epochs later.
  test('a stream shows what a worker has signed for it, up to its last token', { timeout: 60_000 }, async () => {
    const signal = AbortSignal.timeout(55_000);
    const { client } = market.running;
    const reader = chainReader({
      rpcUrl: client.connection.rpcEndpoint,
      programId: client.addresses.programId,
    });
    const { data } = (await get('/v1/models', signal)) as { data: { id: string }[] };
    const asked = { ...question, model: data[0]?.id ?? '', assurance: 'stream' as const, signal };
    const counts: number[] = [];
    for await (const event of askStreaming(buyer, asked)) {
      if (event.kind !== 'text' || event.usage === undefined) continue;
      const { signature, value } = event.usage;
      expect(await checkUsage(event.usage, { reader, signal })).toBe(true);
      const more = { signature, value: { ...value, outputTokens: value.outputTokens + 1 } };
      expect(await checkUsage(more, { reader, signal })).toBe(false);
      counts.push(value.outputTokens);
    }
    expect(counts.length).toBeGreaterThan(0);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
  });
});

/** The payment as somebody would show it who has it from the chain, and was not told its salt. */
function unsalted(payment: string): string {
  const decoded = decodePaymentSignatureHeader(payment);
  const extra = { ...decoded.accepted.extra, salt: 'another' };
  return encodePaymentSignatureHeader({ ...decoded, accepted: { ...decoded.accepted, extra } });
}
