import { expect, test } from 'vitest';
import { toBase58 } from '../program/address.ts';
import {
  decode,
  fromHex,
  orderedRequestHash,
  orderRecord,
  signedCodec,
  toHex,
  voucherRecord,
} from '../protocol/index.ts';
import { checkRecord } from '../protocol/signature.ts';
import { generateKeypair } from '../runtime/index.ts';
import { uptoScheme } from './uptoScheme.ts';

const url = 'http://gateway.test/base';
const path = '/v1/chat/completions';
const domain = new Uint8Array(32).fill(1);
const escrow = new Uint8Array(32).fill(2);
const gateway = new Uint8Array(32).fill(3);
const signer = generateKeypair();
const text = '{"a":1}';
const hash = orderedRequestHash({ method: 'POST', path, body: Buffer.from(text) });

/** A scheme below which a gateway refuses what has no payment and answers the rest by `answer`. */
function paying(answer: () => Response | Promise<Response>, more: { readonly counted?: bigint } = {}) {
  const signed: bigint[] = [];
  const scheme = uptoScheme({
    ...{ domain, escrow, signer, gateway, url, counted: 0n, maxLamports: 100n, ...more },
    onSigned: (cumulative) => signed.push(cumulative),
    clock: { nowMs: () => 5 },
  });
  const send = scheme.watch(async (input, init) => {
    const { headers } = new Request(input, init);
    return headers.has('payment-signature') ? answer() : new Response('{}', { status: 402 });
  });
  const post = (headers: Record<string, string> = {}) =>
    send(`${url}${path}?x=1`, { method: 'POST', headers, body: text });
  const offer = (amount: string) => ({
    ...{ scheme: 'upto', amount, payTo: toBase58(gateway) },
    extra: { domain: toHex(domain), requestHash: toHex(hash) },
  });
  const pay = async (amount: string) => {
    await post();
    const { payload } = await scheme.createPaymentPayload(2, offer(amount));
    return { payload, send: () => post({ 'payment-signature': btoa(JSON.stringify({ payload })) }) };
  };
  return { offer, pay, post, scheme, signed };
}

const costing = (price: number) =>
  Response.json({
    karmesh: {
      ...{ requestId: '0'.repeat(64), assurance: 'quorum', epoch: '1', dispatchNumber: '1', priceLamports: `${price}` },
      ...{
        lane: 'bronze',
        quorum: { verdict: 'agreed', agreeing: 3, asked: 3 },
        receipts: [],
        bundle: '/v1/receipts/0',
      },
    },
  });

test('M-08, M-09: an order of the request, and a voucher over what was counted and what is offered', async () => {
  const { pay, signed } = paying(() => costing(40), { counted: 7n });
  const { payload, send } = await pay('100');
  const order = decode(signedCodec(orderRecord), fromHex(String(payload.order)));
  const voucher = decode(signedCodec(voucherRecord), fromHex(String(payload.voucher)));
  expect(order.value).toEqual({ escrow, requestHash: hash, atMs: 5n });
  expect(voucher.value).toEqual({ escrow, cumulative: 107n });
  expect(checkRecord(orderRecord, { domain, identity: signer.publicKey }, order)).toBe(true);
  expect(checkRecord(voucherRecord, { domain, identity: signer.publicKey }, voucher)).toBe(true);
  await (await send()).text();
  // Its cost is counted within the turn after it was read.
  await new Promise((resolve) => setImmediate(resolve));
  await pay('90');
  expect(signed).toEqual([107n, 137n]);
});

test('payments under way at once are covered together, also of one and the same request', async () => {
  const { offer, post, scheme, signed } = paying(() => costing(40));
  await Promise.all([post(), post()]);
  await scheme.createPaymentPayload(2, offer('100'));
  await scheme.createPaymentPayload(2, offer('60'));
  expect(signed).toEqual([100n, 160n]);
  await expect(scheme.createPaymentPayload(2, offer('1'))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

test('what was refused costs nothing, and what failed or was lost may have cost all that was offered', async () => {
  const answers = [
    () => new Response('{}', { status: 402 }),
    () => new Response('{}', { status: 503 }),
    () => Promise.reject(new Error('The connection broke.')),
    () => costing(1),
  ];
  const { pay, signed } = paying(() => (answers.shift() ?? (() => costing(0)))());
  expect((await (await pay('100')).send()).status).toBe(402);
  expect((await (await pay('100')).send()).status).toBe(503);
  await expect((await pay('50')).send()).rejects.toThrow('The connection broke.');
  await pay('100');
  expect(signed).toEqual([100n, 150n, 250n]);
});

test.each(['101', '-1', '1.5', 'all', '9'.repeat(20)])(
  'nothing is signed for an offer of %s lamports',
  async (amount) => {
    const { pay, signed } = paying(() => costing(1));
    await expect(pay(amount)).rejects.toMatchObject({ code: 'VOUCHER_EXCESSIVE' });
    expect(signed).toEqual([]);
  },
);

test('nothing is signed for another scheme, gateway or market', async () => {
  const { offer, post, scheme, signed } = paying(() => costing(1));
  const honest = offer('1');
  const bent = [
    { ...honest, scheme: 'exact' },
    { ...honest, payTo: toBase58(escrow) },
    { ...honest, extra: { ...honest.extra, domain: toHex(escrow) } },
    { ...honest, extra: { requestHash: honest.extra.requestHash } },
  ];
  for (const one of bent) {
    await post();
    await expect(scheme.createPaymentPayload(2, one)).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
      message: 'This offer is of another gateway or market than the escrow.',
    });
  }
  expect(signed).toEqual([]);
});
