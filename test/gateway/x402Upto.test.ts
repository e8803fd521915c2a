import { uptoScheme } from '@karmesh/sdk/client';
import { toBase58 } from '@karmesh/sdk/program';
import { type ModelId, toHex } from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import {
  decodePaymentRequiredHeader,
  decodePaymentResponseHeader,
  encodePaymentSignatureHeader,
} from '@x402/core/http';
import type { PaymentPayload } from '@x402/core/types';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bytes } from '../../web/gateway/fixtures/tinyModel.ts';
import { PATH, voucherMarket } from '../../web/gateway/payments/vouchers/fixtures/voucherMarket.ts';
import { facilitator } from '../../web/gateway/payments/x402/facilitator.ts';
import { localSigner } from '../../web/gateway/payments/x402/localSigner.ts';
import { DEVNET, LOCALNET } from '../../web/gateway/payments/x402/requirements.ts';
import { NATIVE_SOL } from '../../web/gateway/payments/x402/upto.ts';
import { x402Door } from '../../web/gateway/payments/x402/x402Door.ts';
import { quotes } from '../../web/gateway/pricing/quotes.ts';
import { readOffer } from '../../web/gateway/pricing/readOffer.ts';
import { domain } from '../../web/gateway/scheduler/fixtures/testMarket.ts';

const URL_OF_GATEWAY = 'http://gateway';
const body = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 8 };
const program = toBase58(bytes(32, 7));
const never = new AbortController();

/** The gateway over a real scheduler, store and voucher door, with x402; nothing that is paid by `upto` needs the node. */
const uptoMarket = () =>
  voucherMarket({}, ({ market, vouchers }) => {
    const signer = generateKeypair();
    const connection = new Connection('http://127.0.0.1:1');
    const local = localSigner({ pollMs: 25, confirmMs: 1_000 })({ signer, connection, signal: never.signal });
    const clock = { nowMs: () => Date.now() };
    const offers = quotes({ validMs: 60_000, toleranceMs: 0, maxUses: 100 })({
      ...{ domain, signer, clock, gateway: market.gateway.address, verify: nativeVerifySignature },
      listPrice: () => 20_000n,
      baseFee: () => 1_000,
      identityOf: () => signer.publicKey,
    });
    const offerOf = (quote: string, modelId: ModelId) => readOffer(offers, quote, modelId);
    const x402 = x402Door({
      ...{ network: DEVNET, cluster: LOCALNET, mint: toBase58(bytes(32, 3)), payTo: toBase58(bytes(32, 4)) },
      ...{ feePayer: toBase58(signer.publicKey), tokenRate: 1_000_000_000n, maxTimeoutSeconds: 60 },
    })({
      ...{ clock, offerOf, quotes: offers, sql: market.database.db.sql, gateway: market.gateway.address },
      facilitator: facilitator({ signer: local, network: DEVNET }),
      signer: local,
      log: { info: () => {}, warn: () => {} },
      upto: { domain, program, vouchers },
    });
    return { x402, offerOf };
  });
type Paying = Awaited<ReturnType<typeof uptoMarket>>;

/** The unmodified client of x402 with the SDK's scheme, and the requests that it made. */
function client(paying: Paying, more: { readonly maxLamports?: bigint; readonly domain?: Uint8Array } = {}) {
  const sent: Request[] = [];
  const signed: bigint[] = [];
  const scheme = uptoScheme({
    ...{ domain, escrow: paying.address, signer: paying.buyer, gateway: paying.market.gateway.address },
    ...{ counted: 0n, maxLamports: 1_000_000_000n, url: URL_OF_GATEWAY, ...more },
    onSigned: (cumulative) => signed.push(cumulative),
  });
  const allowed = new x402Client()
    .setSpendControls({ allowedAssets: [{ network: DEVNET, asset: NATIVE_SOL }] })
    .register(DEVNET, scheme);
  const send: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    sent.push(request.clone());
    return paying.app.request(request);
  };
  const fetching = wrapFetchWithPayment(scheme.watch(send), allowed);
  const ask = (asked: object = body) =>
    fetching(`${URL_OF_GATEWAY}${PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    });
  return { allowed, ask, fetching, scheme, sent, signed };
}

const offersOf = async (paying: Paying) => {
  const response = await paying.app.request(`${URL_OF_GATEWAY}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(402);
  return decodePaymentRequiredHeader(response.headers.get('payment-required') ?? '');
};

test('M-09: x402’s client pays by upto what the entry costs, which is less than the most, and asks again', {
  timeout: 240_000,
}, async () => {
  await using paying = await uptoMarket();
  const { address, market } = paying;
  const { ask, fetching, sent, signed } = client(paying);
  const required = await offersOf(paying);
  const [exact, upto] = required.accepts;
  expect(exact).toMatchObject({ scheme: 'exact', network: DEVNET });
  expect(upto).toMatchObject({
    ...{ scheme: 'upto', network: DEVNET, asset: NATIVE_SOL, payTo: toBase58(market.gateway.address) },
    extra: { binding: 'karmesh-escrow', program, domain: toHex(domain), cluster: LOCALNET },
  });
  const most = BigInt(upto?.amount ?? 0);

  const response = await ask();
  const told = (await response.json()) as { readonly karmesh: { priceLamports: string; requestId: string } };
  expect([response.status, told]).toMatchObject([200, { object: 'chat.completion' }]);
  const [entry] = market.entries;
  const price = entry?.outcome.value.price ?? 0n;
  expect(entry?.ticket.value).toMatchObject({ escrow: address, priceCap: most });
  expect([told.karmesh.priceLamports, price > 0n, price < most]).toEqual([`${price}`, true, true]);
  expect(decodePaymentResponseHeader(response.headers.get('payment-response') ?? '')).toEqual({
    ...{ success: true, transaction: '', network: DEVNET, payer: toBase58(address), amount: `${price}` },
    extra: { settles: 'with-epoch', cluster: LOCALNET },
  });
  expect(signed).toEqual([most]);

  // Sent again within its minute: the voucher does not pay for it twice.
  const again = await paying.app.request(sent[1] as Request);
  expect([again.status, await again.json()]).toMatchObject([402, { error: { code: 'voucher_short' } }]);
  expect([again.headers.get('x-karmesh-voucher-needed'), market.entries.length]).toEqual([`${price + most}`, 1]);

  const streamed = await ask({ ...body, stream: true });
  expect(streamed.status).toBe(200);
  const settled = decodePaymentResponseHeader(streamed.headers.get('payment-response') ?? '');
  expect([settled.success, 'amount' in settled]).toEqual([true, false]);
  const second = market.entries.length;
  expect(await streamed.text()).toContain('"priceLamports"');
  expect([second <= 2, market.entries.length, signed]).toEqual([true, 2, [most, price + most]]);
  // Bundles are read by an order of their own.
  const bundle = await fetching(`${URL_OF_GATEWAY}/v1/receipts/${told.karmesh.requestId}`);
  expect([bundle.status, await bundle.json()]).toEqual([200, { requestId: told.karmesh.requestId }]);
});

describe('refused, and nothing is asked', () => {
  let paying: Paying;
  let standing: Paying['escrow'];
  beforeAll(async () => {
    paying = await uptoMarket();
    standing = { ...paying.escrow };
  }, 240_000);
  afterEach(() => Object.assign(paying.escrow, standing));
  afterAll(() => paying[Symbol.asyncDispose]());

  type Bend = (payment: PaymentPayload) => PaymentPayload;
  const accepted =
    (more: object): Bend =>
    (payment) => ({ ...payment, accepted: { ...payment.accepted, ...more } });
  const paid =
    (of: () => object): Bend =>
    (payment) => ({ ...payment, payload: { ...payment.payload, ...of() } });
  const elsewhere = 'The payment is not what this request costs.';

  test.each<[string, Bend, number, string | null, string]>([
    ['another amount', accepted({ amount: '1' }), 402, 'payment_required', elsewhere],
    ['another payee', accepted({ payTo: NATIVE_SOL }), 402, 'payment_required', elsewhere],
    ['another asset', accepted({ asset: program }), 402, 'payment_required', elsewhere],
    ['another network', accepted({ network: 'solana:other' }), 402, 'payment_required', elsewhere],
    [
      'another quote',
      accepted({ extra: { quote: '00' } }),
      402,
      'payment_required',
      'The price that this payment was made for no longer holds.',
    ],
    ['another scheme', accepted({ scheme: 'exact' }), 402, 'payment_required', 'The payment cannot be read.'],
    ['no order', paid(() => ({ order: 5 })), 402, 'payment_required', 'The payment cannot be read.'],
    [
      'an order that is no record',
      paid(() => ({ order: '00' })),
      400,
      null,
      "'x-karmesh-order' is a signed record in hexadecimal (docs/protocol.md, F-32 and F-35).",
    ],
    [
      'M-08: an order of another signer',
      paid(() => ({ order: paying.orderHeader('POST', PATH, JSON.stringify(body), { signer: generateKeypair() }) })),
      401,
      'invalid_order',
      'The order is not signed by the buyer of this escrow, for this cluster.',
    ],
    [
      'M-08: an order of another request',
      paid(() => ({ order: paying.orderHeader('POST', PATH, '{}') })),
      401,
      'invalid_order',
      'The order is for another request.',
    ],
    [
      'M-09: a voucher of another signer',
      paid(() => ({ voucher: paying.voucherHeader(paying.voucher(9n ** 9n, { signer: generateKeypair() })) })),
      401,
      'invalid_order',
      'The voucher is not signed by the buyer of this escrow, for this cluster.',
    ],
    [
      'M-09: a voucher over too little',
      paid(() => ({ voucher: paying.voucherHeader(paying.voucher(1n)) })),
      402,
      'voucher_short',
      'This request needs a voucher over more.',
    ],
    [
      'an escrow that is withdrawn',
      (payment) => {
        paying.escrow.withdrawAfterEpoch = 3n;
        return payment;
      },
      402,
      'escrow_withdrawing',
      `The escrow ${toBase58(bytes(32, 0xb0))} is being withdrawn.`,
    ],
  ])('%s', async (_, bend, status, code, message) => {
    const { allowed, scheme } = client(paying);
    const content = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const send = scheme.watch(async (input, init) => paying.app.request(new Request(input, init)));
    const told = await send(`${URL_OF_GATEWAY}${PATH}`, content);
    const payment = await allowed.createPaymentPayload(
      decodePaymentRequiredHeader(told.headers.get('payment-required') ?? ''),
    );
    const headers = { ...content.headers, 'payment-signature': encodePaymentSignatureHeader(bend(payment)) };
    const refused = await paying.app.request(`${URL_OF_GATEWAY}${PATH}`, { ...content, headers });
    expect([refused.status, await refused.json()]).toMatchObject([status, { error: { code, message } }]);
    expect([refused.headers.get('payment-response'), paying.market.entries]).toEqual([null, []]);
  });

  test('the client signs no offer above what a request may cost, of another market, or of a request that it did not send', async () => {
    const poor = client(paying, { maxLamports: 1n });
    await expect(poor.ask()).rejects.toThrow('The gateway asks for more than this buyer’s requests may cost.');
    const other = client(paying, { domain: bytes(32, 9) });
    await expect(other.ask()).rejects.toThrow('This offer is of another gateway or market than the escrow.');
    const { allowed, signed } = client(paying);
    await expect(allowed.createPaymentPayload(await offersOf(paying))).rejects.toThrow(
      'This offer is of no request that was sent through this scheme.',
    );
    expect([poor.signed, other.signed, signed]).toEqual([[], [], []]);
    expect(paying.market.entries).toEqual([]);
  });
});
