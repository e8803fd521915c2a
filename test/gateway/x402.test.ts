import { systemClock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import { addressFromBase58, associatedTokenAccount, toBase58 } from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import { createKeyPairSignerFromBytes } from '@solana/kit';
import {
  type Connection,
  Keypair as PayerKey,
  PublicKey,
  TransactionMessage,
  VersionedTransaction,
} from '@solana/web3.js';
import {
  decodePaymentRequiredHeader,
  decodePaymentResponseHeader,
  decodePaymentSignatureHeader,
  encodePaymentRequiredHeader,
  encodePaymentSignatureHeader,
} from '@x402/core/http';
import type { PaymentRequirements } from '@x402/core/types';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { ExactSvmScheme } from '@x402/svm/exact/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AppOptions } from '../../web/gateway/app.ts';
import { finalHistory, watchDeposits } from '../../web/gateway/deposits/watchDeposits.ts';
import { doneOf, model, type Play, testApp } from '../../web/gateway/fixtures/testApp.ts';
import { listen } from '../../web/gateway/listen.ts';
import { balanceOf, recompute } from '../../web/gateway/payments/ledger/balances.ts';
import { facilitator } from '../../web/gateway/payments/x402/facilitator.ts';
import { type LocalSigner, localSigner } from '../../web/gateway/payments/x402/localSigner.ts';
import { recoverOften } from '../../web/gateway/payments/x402/recoverOften.ts';
import { DEVNET, LOCALNET, type X402Terms } from '../../web/gateway/payments/x402/requirements.ts';
import { x402Door } from '../../web/gateway/payments/x402/x402Door.ts';
import { quotes } from '../../web/gateway/pricing/quotes.ts';
import { readOffer } from '../../web/gateway/pricing/readOffer.ts';
import { manualClock } from '../../web/gateway/scheduler/fixtures/manualClock.ts';
import { openTestDatabase, type TestDatabase } from '../../web/gateway/store/fixtures/testDatabase.ts';
import { namedKey, namedSecret } from '../program/keys.ts';
import { clusterLedger } from '../program/ledger/clusterLedger.ts';
import type { ConnectedLedger } from '../program/ledger/connectedLedger.ts';
import { makeMint, makeTokenWallet, mintTo, tokensIn } from '../program/tokenSteps.ts';

const path = '/v1/chat/completions';
const body = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 8 };
const participant = new Uint8Array(32).fill(2);

const owned = new AsyncDisposableStack();
const gateway = namedKey('x402 gateway');
const owner = namedKey('x402 owner');
const payer = namedKey('x402 payer');
let ledger: ConnectedLedger;
let connection: Connection;
let mint: Uint8Array;
let database: TestDatabase;
const never = new AbortController();

const wallet = (of: Keypair): Promise<Uint8Array> => makeTokenWallet(ledger, gateway, { mint, owner: of.publicKey });

beforeAll(async () => {
  ledger = owned.use(await clusterLedger({ kind: 'localnet', slotMs: 50, signal: never.signal }));
  ({ connection } = ledger);
  await ledger.fund(gateway.publicKey, 10_000_000_000n);
  mint = await makeMint(ledger, gateway, { name: 'x402 mint' });
  await wallet(owner);
  await mintTo(ledger, gateway, { mint, to: await wallet(payer), amount: 1_000_000_000n });
});
beforeEach(async () => {
  database = await openTestDatabase();
  return () => database[Symbol.asyncDispose]();
});
afterAll(() => owned.disposeAsync());

type Setting = {
  readonly play?: Play;
  readonly options?: Partial<AppOptions>;
  readonly terms?: Partial<X402Terms>;
  /** Ends before it hears that the payment landed, or before it sends it. */
  readonly dies?: 'sent' | 'unsent';
  /** Milliseconds by which its clock is ahead. */
  readonly aheadMs?: number;
};

function paidApp(setting: Setting = {}) {
  const clock = { nowMs: () => Date.now() + (setting.aheadMs ?? 0) };
  const signer = localSigner({ pollMs: 25, confirmMs: 10_000 })({ signer: gateway, connection, signal: never.signal });
  const offers = quotes({ validMs: 60_000, toleranceMs: 0, maxUses: 100 })({
    domain: new Uint8Array(32).fill(1),
    gateway: participant,
    signer: gateway,
    verify: nativeVerifySignature,
    clock,
    listPrice: () => 1_000n,
    baseFee: () => 1_000,
    identityOf: () => gateway.publicKey,
  });
  const terms: X402Terms = {
    network: DEVNET,
    cluster: LOCALNET,
    mint: toBase58(mint),
    payTo: toBase58(owner.publicKey),
    feePayer: toBase58(gateway.publicKey),
    tokenRate: 1_000_000_000n,
    maxTimeoutSeconds: 60,
    ...setting.terms,
  };
  const offerOf = (quote: string) => readOffer(offers, quote, model.modelId);
  const dying: LocalSigner = {
    ...signer,
    async sendTransaction(...sent) {
      if (setting.dies === 'unsent') throw new Error('killed');
      return signer.sendTransaction(...sent);
    },
    async confirmTransaction(signature, network) {
      await signer.confirmTransaction(signature, network);
      throw new Error('killed');
    },
  };
  const log = { info: () => {}, warn: () => {} };
  const door = x402Door(terms)({
    sql: database.db.sql,
    gateway: participant,
    facilitator: facilitator({ signer: setting.dies !== undefined ? dying : signer, network: DEVNET }),
    signer: setting.dies !== undefined ? { ...signer, landed: async () => undefined } : signer,
    quotes: offers,
    offerOf,
    clock,
    log,
    upto: {
      domain: new Uint8Array(32).fill(1),
      program: toBase58(new Uint8Array(32).fill(7)),
      // `test/gateway/x402Upto.test.ts` has the real one; a payment by `exact` never comes to it.
      vouchers: { pay: () => Promise.reject(new Error('No payment here is by upto.')) },
    },
  });
  const tested = testApp({
    ...(setting.play === undefined ? {} : { play: setting.play }),
    ...(setting.options === undefined ? {} : { options: setting.options }),
    parts: { x402: door, offerOf },
  });
  return { ...tested, door };
}

type Answering = { request(request: Request): Response | Promise<Response> };

/** The unmodified client, which allows the test's mint, and the requests that it made. */
async function client(app: Answering, name = 'x402 payer') {
  const signer = await createKeyPairSignerFromBytes(namedSecret(name));
  const paying = new x402Client()
    .setSpendControls({ allowedAssets: true })
    .register(DEVNET, new ExactSvmScheme(signer, { rpcUrl: connection.rpcEndpoint }));
  const sent: Request[] = [];
  const fetching = wrapFetchWithPayment(async (input, init) => {
    const request = new Request(input, init);
    sent.push(request.clone());
    return app.request(request);
  }, paying);
  const ask = (asked: object = body) =>
    fetching(`http://gateway${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    });
  return { ask, sent };
}

const credit = async (): Promise<bigint> => {
  const account = await database.db.sql
    .selectFrom('accounts')
    .select('id')
    .where('wallet', '=', payer.publicKey)
    .executeTakeFirst();
  return account === undefined ? 0n : balanceOf(database.db.sql, `credit:${account.id}`);
};
const paidIn = () => tokensIn(ledger, associatedTokenAccount(owner.publicKey, mint));

test('the official client pays for a request, and a payment pays for one', async () => {
  const { app, asked } = paidApp();
  const { ask, sent } = await client(app);
  const before = await paidIn();
  const response = await ask();
  expect([response.status, await response.json()]).toMatchObject([200, { object: 'chat.completion' }]);
  const settled = decodePaymentResponseHeader(response.headers.get('payment-response') ?? '');
  const amount = (await paidIn()) - before;
  expect(settled).toMatchObject({
    success: true,
    network: DEVNET,
    payer: toBase58(payer.publicKey),
    amount: `${amount}`,
    extra: { creditedLamports: `${amount}`, cluster: LOCALNET },
  });
  expect(amount).toBeGreaterThan(0n);
  expect(await credit()).toBe(amount);
  expect(await balanceOf(database.db.sql, 'deposits:spl')).toBe(-amount);
  expect(await recompute(database.db.sql)).toMatchObject({ movements: 1n, faults: [], sum: 0n });
  expect(asked).toHaveLength(1);

  const again = await app.request(sent[1] as Request);
  expect([again.status, await again.json()]).toMatchObject([409, { error: { code: 'payment_in_use' } }]);
  expect(asked).toHaveLength(1);
  expect(await paidIn()).toBe(before + amount);
});

const UNSENT = 299;

/** A request with its payment as the client makes it for `app`, not sent yet; `bend` may change what the client is told to pay. */
async function prepared(app: Answering, bend: (accepted: PaymentRequirements) => PaymentRequirements = (same) => same) {
  const { ask, sent } = await client({
    async request(request) {
      if (request.headers.has('payment-signature')) return new Response(null, { status: UNSENT });
      const told = await app.request(request);
      const required = decodePaymentRequiredHeader(told.headers.get('payment-required') ?? '');
      const headers = {
        'payment-required': encodePaymentRequiredHeader({ ...required, accepts: required.accepts.map(bend) }),
      };
      return new Response(null, { status: told.status, headers });
    },
  });
  expect((await ask()).status).toBe(UNSENT);
  return sent[1] as Request;
}

/** The same request, whose payment says that it accepted something else than what its transaction does. */
function lying(request: Request, accepted: Partial<PaymentRequirements>): Request {
  const payload = decodePaymentSignatureHeader(request.headers.get('payment-signature') ?? '');
  const headers = new Headers(request.headers);
  headers.set(
    'payment-signature',
    encodePaymentSignatureHeader({ ...payload, accepted: { ...payload.accepted, ...accepted } }),
  );
  return new Request(request, { headers });
}

/** Sends it to an app, and expects a refusal that moves nothing. */
async function refusal(tested: ReturnType<typeof paidApp>, request: Request): Promise<string> {
  const before = await paidIn();
  const response = await tested.app.request(request);
  const told = (await response.json()) as { error: { message: string; code: string } };
  expect([response.status, told.error.code]).toEqual([402, 'payment_required']);
  expect(response.headers.has('payment-required')).toBe(true);
  expect([tested.asked, await paidIn(), await credit()]).toEqual([[], before, 0n]);
  return told.error.message;
}

test('says what a request costs, for which network, and that it is localnet', async () => {
  const { app } = paidApp();
  const headers = { 'content-type': 'application/json' };
  const response = await app.request(`http://gateway${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(402);
  expect(decodePaymentRequiredHeader(response.headers.get('payment-required') ?? '')).toMatchObject({
    x402Version: 2,
    resource: { url: `http://gateway${path}` },
    accepts: [
      {
        scheme: 'exact',
        network: DEVNET,
        asset: toBase58(mint),
        payTo: toBase58(owner.publicKey),
        extra: { cluster: LOCALNET, feePayer: toBase58(gateway.publicKey) },
      },
      // Clients take the first that they know.
      { scheme: 'upto', network: DEVNET, payTo: toBase58(participant) },
    ],
  });
});

test('of two requests with one payment one is answered', async () => {
  const { app, asked } = paidApp();
  const request = await prepared(app);
  const before = await paidIn();
  const both = await Promise.all([app.request(request.clone()), app.request(request.clone())]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
  expect(asked).toHaveLength(1);
  expect(await credit()).toBe((await paidIn()) - before);
});

test('refuses another amount and another payee, also where the payment hides them', async () => {
  const tested = paidApp();
  const cheap = await prepared(tested.app, (asked) => ({ ...asked, amount: '1' }));
  expect(await refusal(tested, cheap.clone())).toBe('The payment is not what this request costs.');
  const honest = decodePaymentSignatureHeader((await prepared(tested.app)).headers.get('payment-signature') ?? '');
  expect(await refusal(tested, lying(cheap, { amount: honest.accepted.amount }))).toBe(
    'The payment was refused: invalid_exact_svm_payload_amount_mismatch.',
  );
  const payTo = toBase58(payer.publicKey);
  const own = await prepared(tested.app, (asked) => ({ ...asked, payTo }));
  expect(await refusal(tested, own.clone())).toBe('The payment is not what this request costs.');
  expect(await refusal(tested, lying(own, { payTo: toBase58(owner.publicKey) }))).toBe(
    'The payment was refused: invalid_exact_svm_payload_recipient_mismatch.',
  );
});

/** The same request, whose memo names an account that signs and may be changed. */
function naming(request: Request, account: Uint8Array): Request {
  const header = decodePaymentSignatureHeader(request.headers.get('payment-signature') ?? '');
  const { message } = VersionedTransaction.deserialize(Buffer.from(String(header.payload.transaction), 'base64'));
  const terms = TransactionMessage.decompile(message);
  terms.instructions.at(-1)?.keys.push({ pubkey: new PublicKey(account), isSigner: true, isWritable: true });
  const transaction = new VersionedTransaction(terms.compileToV0Message());
  transaction.sign([PayerKey.fromSecretKey(namedSecret('x402 payer'))]);
  const payload = { transaction: Buffer.from(transaction.serialize()).toString('base64') };
  const headers = new Headers(request.headers);
  headers.set('payment-signature', encodePaymentSignatureHeader({ ...header, payload }));
  return new Request(request, { headers });
}

test('refuses a payment that would use the fee payer for more than its fees', async () => {
  const tested = paidApp();
  const request = await prepared(tested.app);
  expect(await refusal(tested, naming(request.clone(), gateway.publicKey))).toBe(
    'The payment asks more of the fee payer than its fees.',
  );
  expect((await tested.app.request(naming(request, payer.publicKey))).status).toBe(200);
});

test('refuses a payment whose blockhash has expired, and one that cannot be read', async () => {
  const tested = paidApp();
  const recentBlockhash = toBase58(new Uint8Array(32).fill(9));
  const old = await prepared(tested.app, (asked) => ({ ...asked, extra: { ...asked.extra, recentBlockhash } }));
  expect(await refusal(tested, old)).toBe('The payment was refused: invalid_exact_svm_transaction_simulation_failed.');
  const headers = { 'content-type': 'application/json', 'payment-signature': 'nonsense' };
  const broken = new Request(`http://gateway${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(await refusal(tested, broken)).toBe('The payment cannot be read.');
});

test('refuses who has no tokens', async () => {
  const { app, asked } = paidApp();
  const { ask } = await client(app, 'x402 pauper');
  const response = await ask();
  expect([response.status, await response.json()]).toMatchObject([
    402,
    { error: { message: 'The payment was refused: invalid_exact_svm_transaction_simulation_failed.' } },
  ]);
  expect(asked).toEqual([]);
});

test('a process that ends between the payment and its credit loses nothing: the next one credits it, and it pays for one answer', async () => {
  const dying = paidApp({ dies: 'sent' });
  const request = await prepared(dying.app);
  const before = await paidIn();
  expect((await dying.app.request(request.clone())).status).toBe(402);
  const paid = (await paidIn()) - before;
  expect(paid).toBeGreaterThan(0n);
  expect([dying.asked, await credit()]).toEqual([[], 0n]);
  const next = paidApp();
  expect(await next.door.recover()).toEqual({ credited: 1, failed: 0 });
  expect(await next.door.recover()).toEqual({ credited: 0, failed: 0 });
  expect(await credit()).toBe(paid);
  expect((await next.app.request(request.clone())).status).toBe(200);
  expect((await next.app.request(request.clone())).status).toBe(409);
  expect([next.asked.length, (await paidIn()) - before, await credit()]).toEqual([1, paid, paid]);
});

test('a payment whose request had no answer may ask again', async () => {
  let runs = 0;
  const { app } = paidApp({
    async *play({ index }) {
      if (runs++ === 0) throw new KarmeshError('NO_WORKERS', 'Nobody is there.');
      yield doneOf(index);
    },
  });
  const request = await prepared(app);
  expect((await app.request(request.clone())).status).toBe(503);
  expect((await app.request(request.clone())).status).toBe(200);
  expect((await app.request(request.clone())).status).toBe(409);
});

test('a payment that nobody heard of is credited while the gateway runs, at the next look', async () => {
  const request = await prepared(paidApp().app);
  const before = await paidIn();
  expect((await paidApp({ dies: 'sent' }).app.request(request)).status).toBe(402);
  const clock = manualClock();
  const looks: Promise<unknown>[] = [];
  const { door } = paidApp();
  const recover = (): ReturnType<typeof door.recover> => {
    const look = door.recover();
    looks.push(look);
    return look;
  };
  await using _often = recoverOften(15_000)({ clock, door: { recover }, log: { warn: () => {} } });
  await clock.pass(14_999);
  expect(looks).toEqual([]);
  await clock.pass(1);
  expect(await Promise.all(looks)).toEqual([{ credited: 1, failed: 0 }]);
  expect(await credit()).toBe((await paidIn()) - before);
});

test('a look that fails is told of and made again', async () => {
  const clock = manualClock();
  const told: unknown[] = [];
  const second = Promise.withResolvers<void>();
  let turn = 0;
  const recover = async () => {
    turn += 1;
    if (turn === 1) throw new Error('The node is away.');
    second.resolve();
    return { credited: 0, failed: 0 };
  };
  const log = { warn: (facts: unknown) => told.push(facts) };
  await using _often = recoverOften(10)({ clock, door: { recover }, log });
  await clock.pass(10);
  await clock.pass(10);
  await second.promise;
  expect(told).toMatchObject([{ err: { message: 'The node is away.' } }]);
});

test('a payment that was never sent is given up once it cannot land any more, and not before', {
  timeout: 60_000,
}, async () => {
  const request = await prepared(paidApp().app);
  expect((await paidApp({ dies: 'unsent' }).app.request(request.clone())).status).toBe(402);
  const states = () => database.db.sql.selectFrom('x402_payments').select('state').execute();
  const late = paidApp({ aheadMs: 180_000 });
  expect(await late.door.recover()).toEqual({ credited: 0, failed: 0 });
  // A blockhash is good for 150 slots, and what is final lies behind.
  await ledger.untilSlot((await ledger.slot()) + 200n);
  expect(await paidApp().door.recover()).toEqual({ credited: 0, failed: 0 });
  expect(await states()).toEqual([{ state: 'settling' }]);
  expect(await late.door.recover()).toEqual({ credited: 0, failed: 1 });
  expect(await states()).toEqual([{ state: 'failed' }]);
  const refused = await paidApp().app.request(request.clone());
  expect([refused.status, await refused.json()]).toMatchObject([
    402,
    { error: { message: 'The payment failed on chain, or did not land in time.' } },
  ]);
});

/** The real watcher over the address that is paid, which has seen what came before. */
async function watcher() {
  const watching = watchDeposits({ everyMs: 3_600_000, pageSize: 100 })({
    sql: database.db.sql,
    gateway: participant,
    addresses: {
      sol: addressFromBase58(toBase58(owner.publicKey)),
      token: associatedTokenAccount(addressFromBase58(toBase58(owner.publicKey)), addressFromBase58(toBase58(mint))),
    },
    ignored: [],
    history: finalHistory(connection, { signal: never.signal }),
    rates: () => ({ sol: 1_000_000_000n, token: 1_000_000_000n }),
    clock: systemClock,
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  await watching.look();
  return watching;
}

/** Waits until the only payment is final, and lets the watcher see it. */
async function seen(watching: Awaited<ReturnType<typeof watcher>>): Promise<void> {
  const { signature } = await database.db.sql.selectFrom('x402_payments').select('signature').executeTakeFirstOrThrow();
  const status = async () => (await connection.getSignatureStatuses([signature])).value[0]?.confirmationStatus;
  while ((await status()) !== 'finalized') await ledger.untilSlot((await ledger.slot()) + 1n);
  await watching.look();
  const cursors = await database.db.sql.selectFrom('deposit_cursors').select('signature').execute();
  expect(cursors.map((cursor) => cursor.signature)).toContain(signature);
}
const unclaimed = () => balanceOf(database.db.sql, 'unclaimed');

test('a payment that was credited is no deposit to the watcher that sees it arrive', { timeout: 60_000 }, async () => {
  await using watching = await watcher();
  const { app } = paidApp();
  const before = await paidIn();
  expect((await app.request(await prepared(app))).status).toBe(200);
  const paid = (await paidIn()) - before;
  await seen(watching);
  expect([await credit(), await unclaimed()]).toEqual([paid, 0n]);
});

test('a payment that the watcher sees before it was credited is credited once, as a payment', {
  timeout: 60_000,
}, async () => {
  await using watching = await watcher();
  const before = await paidIn();
  expect((await paidApp({ dies: 'sent' }).app.request(await prepared(paidApp().app))).status).toBe(402);
  const paid = (await paidIn()) - before;
  expect(await credit()).toBe(0n);
  await seen(watching);
  expect([paid > 0n, await credit(), await unclaimed()]).toEqual([true, paid, 0n]);
  expect(await paidApp().door.recover()).toEqual({ credited: 0, failed: 0 });
  await watching.look();
  expect([await credit(), await unclaimed()]).toEqual([paid, 0n]);
  expect(await database.db.sql.selectFrom('deposits').selectAll().execute()).toEqual([]);
});

test('a payment that was given up and came all the same is a deposit, and never a payment', {
  timeout: 60_000,
}, async () => {
  await using watching = await watcher();
  const before = await paidIn();
  const request = await prepared(paidApp().app);
  expect((await paidApp({ dies: 'sent' }).app.request(request.clone())).status).toBe(402);
  await database.db.sql.updateTable('x402_payments').set({ state: 'failed' }).execute();
  await seen(watching);
  const paid = (await paidIn()) - before;
  expect([paid > 0n, await unclaimed()]).toEqual([true, paid]);
  expect(await paidApp().door.recover()).toEqual({ credited: 0, failed: 0 });
  expect((await paidApp().app.request(request)).status).toBe(402);
  expect([await credit(), await balanceOf(database.db.sql, 'deposits:spl')]).toEqual([0n, -paid]);
});

test('who has a payment from the chain alone, and was not told its salt, gets nothing for it', async () => {
  let runs = 0;
  const { app, asked, door } = paidApp({
    async *play({ index }) {
      if (runs++ === 0) throw new KarmeshError('NO_WORKERS', 'Nobody is there.');
      yield doneOf(index);
    },
  });
  const request = await prepared(app);
  expect((await app.request(request.clone())).status).toBe(503);
  const { accepted } = decodePaymentSignatureHeader(request.headers.get('payment-signature') ?? '');
  const stolen = lying(request.clone(), { extra: { ...accepted.extra, salt: '00'.repeat(16) } });
  const headerOf = (of: Request) => of.headers.get('payment-signature') ?? '';
  expect(await door.payerOf(headerOf(stolen))).toBeUndefined();
  const refused = await app.request(stolen);
  expect([refused.status, await refused.json()]).toMatchObject([
    402,
    { error: { message: 'The payment’s memo is not that of its salt.' } },
  ]);
  expect(asked).toHaveLength(1);
  expect(await door.payerOf(headerOf(request))).toMatchObject({ accountId: expect.any(BigInt) });
  expect(await door.payerOf('nonsense')).toBeUndefined();
  expect((await app.request(request)).status).toBe(200);
});

const unpaid = (headers: Readonly<Record<string, string>> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

test('what an address may ask before it has paid is bounded; a proxy’s header counts where the operator names it, and its last address', async () => {
  const options = { unpaidPerAddress: { most: 2, perMs: 60_000 }, clientAddressHeader: 'x-forwarded-for' };
  const { app } = paidApp({ options });
  const from = async (addresses: string) =>
    (await app.request(`http://gateway${path}`, unpaid({ 'x-forwarded-for': addresses }))).status;
  expect([
    await from('192.0.2.1'),
    await from('203.0.113.9, 192.0.2.1'),
    await from('198.51.100.7, 192.0.2.1'),
  ]).toEqual([402, 402, 429]);
  expect(await from('192.0.2.1, 192.0.2.2')).toBe(402);
  const network = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:db8::1:0:0:0:3', '2001:db8:0:2::1'];
  const statuses = [];
  for (const address of network) statuses.push(await from(address));
  expect(statuses).toEqual([402, 402, 429, 402]);
  const refused = await app.request(`http://gateway${path}`, unpaid({ 'x-forwarded-for': '192.0.2.1' }));
  expect([refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
    '30',
    { error: { message: 'Rate limit reached for requests without an API key from your address: 2 in 1m0s.' } },
  ]);
  // Who has a key, even a wrong one, is not of these.
  const keyed = { 'x-forwarded-for': '192.0.2.1', authorization: 'Bearer sk-good' };
  expect((await app.request(`http://gateway${path}`, unpaid(keyed))).status).toBe(200);
});

test('without that option a connection’s own address counts, whatever a header says', async () => {
  const { app } = paidApp({ options: { unpaidPerAddress: { most: 1, perMs: 60_000 } } });
  await using server = await listen({ app, host: '127.0.0.1', port: 0 });
  const ask = async (address: string) =>
    (await fetch(`${server.url}${path}`, unpaid({ 'x-forwarded-for': address }))).status;
  expect([await ask('192.0.2.1'), await ask('192.0.2.2')]).toEqual([402, 429]);
});

test('all addresses together are bounded, and who pays takes nothing from the others', async () => {
  const options = { unpaidInAll: { most: 2, perMs: 60_000 }, clientAddressHeader: 'x-from' };
  const { app } = paidApp({ options });
  const { ask } = await client(app);
  // Its first request was told a price, its second paid.
  expect((await ask()).status).toBe(200);
  const from = async (address: string) => app.request(`http://gateway${path}`, unpaid({ 'x-from': address }));
  expect((await from('192.0.2.1')).status).toBe(402);
  const refused = await from('192.0.2.2');
  expect([refused.status, await refused.json()]).toMatchObject([
    429,
    { error: { message: 'Rate limit reached for requests without an API key from everybody together: 2 in 1m0s.' } },
  ]);
});
