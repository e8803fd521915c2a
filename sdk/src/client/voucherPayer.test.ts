import { expect, test } from 'vitest';
import { decode, fromHex, orderedRequestHash, orderRecord, signedCodec, voucherRecord } from '../protocol/index.ts';
import { checkRecord } from '../protocol/signature.ts';
import { generateKeypair } from '../runtime/index.ts';
import { voucherPayer } from './voucherPayer.ts';

const URL_OF_GATEWAY = 'http://gateway.test/base';
const domain = new Uint8Array(32).fill(1);
const escrow = new Uint8Array(32).fill(2);
const signer = generateKeypair();
const WORST = 100n;

type Answer = { readonly price: bigint } | { readonly status: number };

/** A gateway that holds what M-09 says, and answers what it is told to; `asks` adds to what it says that it needs. */
function scriptedGateway(script: { readonly answers?: readonly Answer[]; readonly asks?: bigint } = {}) {
  const answers = [...(script.answers ?? [])];
  const vouchers: (bigint | undefined)[] = [];
  let spent = 0n;
  let known = 0n;
  let reserved = 0n;
  const gate: { hold: Promise<void> | undefined } = { hold: undefined };
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const body = new Uint8Array(await request.arrayBuffer());
    const order = decode(signedCodec(orderRecord), fromHex(request.headers.get('x-karmesh-order') ?? ''));
    expect(checkRecord(orderRecord, { domain, identity: signer.publicKey }, order)).toBe(true);
    const path = request.url.slice(URL_OF_GATEWAY.length).split('?')[0] ?? '';
    expect(order.value).toEqual({
      escrow,
      requestHash: orderedRequestHash({ method: request.method, path, body }),
      atMs: 5n,
    });
    expect(request.headers.get('authorization')).toBeNull();
    const hex = request.headers.get('x-karmesh-voucher');
    const voucher = hex === null ? undefined : decode(signedCodec(voucherRecord), fromHex(hex));
    vouchers.push(voucher?.value.cumulative);
    if (request.method === 'GET') return Response.json({ asked: path });
    if (voucher !== undefined) {
      expect(checkRecord(voucherRecord, { domain, identity: signer.publicKey }, voucher)).toBe(true);
      if (voucher.value.cumulative > known) known = voucher.value.cumulative;
    }
    const needed = spent + reserved + WORST + (script.asks ?? 0n);
    if (known < needed)
      return new Response('{}', { status: 402, headers: { 'x-karmesh-voucher-needed': `${needed}` } });
    reserved += WORST;
    await gate.hold;
    reserved -= WORST;
    const answer = answers.shift() ?? { price: 40n };
    if ('status' in answer) return new Response('{}', { status: answer.status });
    spent += answer.price;
    return Response.json({ karmesh: evidence(answer.price) });
  };
  return { fetch, vouchers, gate };
}

const evidence = (price: bigint) => ({
  requestId: '0'.repeat(64),
  assurance: 'quorum',
  epoch: '1',
  dispatchNumber: '1',
  priceLamports: `${price}`,
  lane: 'bronze',
  quorum: { verdict: 'agreed', agreeing: 3, asked: 3 },
  receipts: [],
  bundle: '/v1/receipts/0',
});

function paying(
  gateway: ReturnType<typeof scriptedGateway>,
  more: { readonly counted?: bigint; readonly maxLamports?: bigint } = {},
) {
  const signed: bigint[] = [];
  const fetch = voucherPayer({
    ...{ domain, escrow, signer, counted: 0n, maxLamports: WORST, url: URL_OF_GATEWAY, ...more },
    onSigned: (cumulative) => signed.push(cumulative),
    clock: { nowMs: () => 5 },
  })(gateway.fetch);
  const ask = async (): Promise<number> => {
    const headers = { authorization: 'Bearer none', 'content-type': 'application/json' };
    const response = await fetch(`${URL_OF_GATEWAY}/v1/chat/completions`, { method: 'POST', headers, body: '{"a":1}' });
    await response.text();
    return response.status;
  };
  return { ask, fetch, signed };
}

test('M-09: signs what the gateway needs, and counts what answers cost', async () => {
  const gateway = scriptedGateway();
  const { ask, fetch, signed } = paying(gateway);
  expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 200]);
  expect(signed).toEqual([100n, 140n, 180n]);
  expect(gateway.vouchers).toEqual([undefined, 100n, 100n, 140n, 140n, 180n]);
  expect(await (await fetch(`${URL_OF_GATEWAY}/v1/receipts/0?x=1`)).json()).toEqual({ asked: '/v1/receipts/0' });
});

test('M-09: requests at once are covered together', async () => {
  const gateway = scriptedGateway();
  const { ask, signed } = paying(gateway);
  const hold = Promise.withResolvers<void>();
  gateway.gate.hold = hold.promise;
  const both = Promise.all([ask(), ask()]);
  await expect.poll(() => signed.at(-1)).toBe(2n * WORST);
  hold.resolve();
  expect(await both).toEqual([200, 200]);
});

test.each([
  ['one lamport beyond what a request may cost', scriptedGateway({ asks: 1n }), 0],
  ['the price of a request once more, after an honest answer', scriptedGateway({ answers: [{ price: 40n }] }), 1],
] as const)('a gateway that asks for %s gets no voucher for it', async (_, gateway, honest) => {
  const bent: typeof globalThis.fetch = async (input, init) => {
    const response = await gateway.fetch(input, init);
    const needed = response.headers.get('x-karmesh-voucher-needed');
    if (honest === 0 || needed === null || signed.length < honest) return response;
    return new Response('{}', { status: 402, headers: { 'x-karmesh-voucher-needed': `${BigInt(needed) + 40n}` } });
  };
  const { ask, signed } = paying({ ...gateway, fetch: bent });
  for (let asked = 0; asked < honest; asked++) expect(await ask()).toBe(200);
  const before = [...signed];
  await expect(ask()).rejects.toMatchObject({
    code: 'VOUCHER_EXCESSIVE',
    facts: { most: WORST + 40n * BigInt(honest), maxLamports: WORST },
  });
  expect(signed).toEqual(before);
});

test('what was refused costs nothing, what failed may have cost all that it could, and nothing costs more', async () => {
  const script = { answers: [{ status: 400 }, { status: 503 }, { price: 70n }], asks: 0n };
  const gateway = scriptedGateway(script);
  const { ask, signed } = paying(gateway, { counted: 1_000n });
  expect([await ask(), await ask(), await ask()]).toEqual([400, 503, 200]);
  expect(signed).toEqual([100n]);
  // The gateway says 70 + 100; counted are 1,000 from before, 100 for what failed, 70, and 100 for this one.
  script.asks = 1_101n;
  await expect(ask()).rejects.toMatchObject({ facts: { needed: 1_271n, most: 1_270n } });
  script.asks = 1_100n;
  expect(await ask()).toBe(200);
  expect(signed).toEqual([100n, 1_270n]);
});
