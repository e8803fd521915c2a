import { generateKeypair } from '@karmesh/sdk/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bytes } from '../../fixtures/tinyModel.ts';
import { question } from '../../scheduler/fixtures/testMarket.ts';
import { findRequest } from '../../store/requests.ts';
import { ledgerAccount } from '../ledger/accountNames.ts';
import { balanceOf } from '../ledger/balances.ts';
import { recoverPurse } from '../recoverPurse.ts';
import { PATH, voucherMarket } from './fixtures/voucherMarket.ts';

type Paying = Awaited<ReturnType<typeof voucherMarket>>;
type Told = { readonly error: { readonly code: string; readonly message: string } };
const refusal = async (response: Response): Promise<readonly [number, string, string]> => {
  const { error } = (await response.json()) as Told;
  return [response.status, error.code, error.message];
};
type Answered = { readonly karmesh: { readonly requestId: string; readonly priceLamports: string } };
const answered = async (response: Response): Promise<Answered['karmesh']> => {
  const told = (await response.json()) as Answered;
  expect([response.status, told]).toMatchObject([200, { object: 'chat.completion' }]);
  return told.karmesh;
};

test('M-09: a request is told what its voucher must name, runs with it, and its escrow pays the entry and nothing else', async () => {
  await using paying = await voucherMarket();
  const { address, ask, escrow, market, needed, shown, voucher } = paying;
  const first = await needed();
  expect(first).toBeGreaterThan(0n);
  expect(market.entries).toEqual([]);
  const { priceLamports, requestId } = await answered(await ask({ voucher: voucher(first) }));
  const [entry] = market.entries;
  expect(entry?.ticket.value).toMatchObject({ escrow: address, priceCap: first });
  expect(entry?.outcome.value.price).toBe(BigInt(priceLamports));
  // W-09: workers look at what the chain was shown.
  expect([shown, escrow.authorised]).toEqual([[first], first]);
  // The price has taken the place of what was set aside; an older voucher changes nothing.
  expect(await needed()).toBe(BigInt(priceLamports) + first);
  expect(await refusal(await ask({ voucher: voucher(1n) }))).toEqual([
    402,
    'voucher_short',
    'This request needs a voucher over more.',
  ]);
  expect(paying.store.greatest(address)?.value.cumulative).toBe(first);
  await answered(await ask({ voucher: voucher(3n * first) }));
  await answered(await ask({ voucher: voucher(1n) }));
  expect(market.entries).toHaveLength(3);
  // A start of the gateway bills none of it to the gateway.
  await recoverPurse(market.database.db, 1n);
  expect(await balanceOf(market.database.db.sql, ledgerAccount.settlement(market.gateway.address))).toBe(0n);
  const path = `/v1/receipts/${requestId}`;
  const fetched = (headers: Record<string, string>) => paying.app.request(path, { headers });
  expect((await fetched({ 'x-karmesh-order': paying.orderHeader('GET', path, '') })).status).toBe(200);
  const stranger = { signer: generateKeypair() };
  expect((await fetched({ 'x-karmesh-order': paying.orderHeader('GET', path, '', stranger) })).status).toBe(401);
  expect((await fetched({ 'x-karmesh-order': paying.orderHeader('GET', '/v1/receipts/00', '') })).status).toBe(401);
  expect((await fetched({})).status).toBe(401);
});

test('M-09: of two requests at once that exceed the voucher together one is refused', async () => {
  await using paying = await voucherMarket();
  const { ask, market, needed, voucher } = paying;
  const first = await needed();
  // Both are looked at before either has set anything aside.
  const both = await Promise.all([
    ask({ voucher: voucher(2n * first - 1n) }),
    ask({ voucher: voucher(2n * first - 1n) }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 402]);
  const short = both.find(({ status }) => status === 402);
  expect(short?.headers.get('x-karmesh-voucher-needed')).toBe(`${2n * first}`);
  expect(market.entries).toHaveLength(1);
  // Choices are requests of their own.
  expect(await needed({ n: 3 })).toBe((market.entries[0]?.outcome.value.price ?? 0n) + 3n * first);
});

describe('refused, and nothing is asked', () => {
  let paying: Paying;
  let standing: Paying['escrow'];
  beforeAll(async () => {
    paying = await voucherMarket();
    standing = { ...paying.escrow };
  }, 240_000);
  afterEach(() => Object.assign(paying.escrow, standing));
  afterAll(() => paying[Symbol.asyncDispose]());

  const order = 'The order is not signed by the buyer of this escrow, for this cluster.';
  const voucher = 'The voucher is not signed by the buyer of this escrow, for this cluster.';
  test.each([
    [
      'M-08: an order of another signer',
      () => paying.ask({ order: { signer: generateKeypair() } }),
      401,
      'invalid_order',
      order,
    ],
    [
      'M-08: an order for another cluster',
      () => paying.ask({ order: { domain: bytes(32, 9) } }),
      401,
      'invalid_order',
      order,
    ],
    [
      'M-08: an order of another request',
      () => paying.ask({ order: { path: '/v1/completions' } }),
      401,
      'invalid_order',
      'The order is for another request.',
    ],
    [
      'M-08: an order of another time',
      () => paying.ask({ order: { atMs: 1n } }),
      401,
      'invalid_order',
      /^The order is of another time: here it is \d+ milliseconds after 1970\.$/,
    ],
    [
      'M-09: a voucher of another signer',
      () => paying.ask({ voucher: paying.voucher(9n ** 9n, { signer: generateKeypair() }) }),
      401,
      'invalid_order',
      voucher,
    ],
    [
      'M-09: a voucher for another cluster',
      () => paying.ask({ voucher: paying.voucher(9n ** 9n, { domain: bytes(32, 9) }) }),
      401,
      'invalid_order',
      voucher,
    ],
    [
      'M-09: a voucher of another escrow',
      () => paying.ask({ voucher: paying.voucher(9n ** 9n, { escrow: bytes(32, 1) }) }),
      400,
      null,
      'The voucher is of another escrow than the order.',
    ],
    [
      'M-09: a voucher that the tables cannot hold',
      () => paying.ask({ voucher: paying.voucher(2n ** 64n - 1n) }),
      400,
      null,
      'A voucher is over at most 9223372036854775807 lamports here.',
    ],
    [
      'M-09: a voucher over too little',
      () => paying.ask({ voucher: paying.voucher(1n) }),
      402,
      'voucher_short',
      'This request needs a voucher over more.',
    ],
    [
      'an escrow that holds too little',
      () => {
        paying.escrow.balance = 1n;
        return paying.ask({ voucher: paying.voucher(10n ** 9n) });
      },
      402,
      'insufficient_quota',
      'Your escrow cannot pay for this request at present.',
    ],
    [
      'an escrow of another gateway',
      () => {
        paying.escrow.gateway = bytes(32, 1);
        return paying.ask();
      },
      402,
      'escrow_of_another_gateway',
      /^The escrow \w+ pays another gateway\.$/,
    ],
    [
      'an escrow that is not there, or no more',
      () => {
        paying.escrow.isOpen = false;
        return paying.ask();
      },
      402,
      'escrow_unknown',
      /^This gateway has seen no escrow \w+ on the chain yet\.$/,
    ],
    [
      'an escrow under withdrawal',
      () => {
        paying.escrow.withdrawAfterEpoch = 3n;
        return paying.ask({ voucher: paying.voucher(10n ** 9n) });
      },
      402,
      'escrow_withdrawing',
      /^The escrow \w+ is being withdrawn\.$/,
    ],
  ] as const)('%s', async (_, asks, status, code, message) => {
    const refused = await refusal(await asks());
    expect(refused).toEqual([status, code, typeof message === 'string' ? message : expect.stringMatching(message)]);
    expect([paying.market.entries, paying.scheduler.running, paying.shown]).toEqual([[], 0, []]);
  });

  test('what is no record, and a voucher without an order', async () => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] });
    const sent = (more: Record<string, string>) =>
      paying.app.request(PATH, { method: 'POST', headers: { ...headers, ...more }, body });
    const message = "'x-karmesh-order' is a signed record in hexadecimal (docs/protocol.md, F-32 and F-35).";
    for (const bad of ['00', 'xyz', 'ab'.repeat(5_000)])
      expect(await refusal(await sent({ 'x-karmesh-order': bad }))).toEqual([400, null, message]);
    const voucher = paying.voucherHeader(paying.voucher(10n ** 9n));
    expect(await refusal(await sent({ 'x-karmesh-voucher': voucher }))).toEqual([400, null, message]);
    // Of what was refused here some was honestly signed, and is kept.
    expect(paying.store.all().map(({ value }) => value.cumulative)).toEqual([10n ** 9n]);
  });
});

test('W-09: a voucher that the chain does not take runs nothing, and sets nothing aside', async () => {
  await using paying = await voucherMarket();
  const { ask, fails, market, needed, voucher } = paying;
  const first = await needed();
  fails.next = 1;
  expect(await refusal(await ask({ voucher: voucher(first) }))).toEqual([
    503,
    'cluster_unreachable',
    'The voucher could not be shown to the chain.',
  ]);
  expect(market.entries).toEqual([]);
  expect((await ask()).status).toBe(200);
});

test('W-22: a stream that its reader leaves is halted, and its escrow pays the entry, whose bundle is whole', async () => {
  await using paying = await voucherMarket();
  const { address, market, scheduler, store, voucher } = paying;
  for (const worker of market.workers) worker.behaviour = { kind: 'pauses', pieces: 1 };
  await store.keep(voucher(10n ** 9n), 1n);
  const payer = await store.payerOf(address, 1n);
  const signal = new AbortController().signal;
  for await (const event of scheduler.ask({ ...question('stream'), ...payer, escrow: address }, { signal }))
    if (event.kind === 'text') break;
  await expect.poll(() => market.entries.length).toBe(1);
  const { outcome, ticket } = market.entries[0] ?? {};
  expect(outcome?.value).toMatchObject({ verdict: 'agreed', price: expect.any(BigInt) });
  expect(outcome?.value.price).toBeGreaterThan(0n);
  expect(ticket?.value.escrow).toEqual(address);
  const requestId = ticket?.value.requestId ?? bytes(32, 0);
  expect(scheduler.isWithheld(requestId)).toBe(false);
  await scheduler[Symbol.asyncDispose]();
  expect((await findRequest(market.database.db, requestId))?.tokens.length).toBeGreaterThan(0);
  expect(await market.database.db.sql.selectFrom('charges').selectAll().execute()).toEqual([]);
});
