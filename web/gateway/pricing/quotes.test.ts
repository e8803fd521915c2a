import { makeDomain } from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { quotes } from './quotes.ts';

const domain = makeDomain({ genesisHash: new Uint8Array(32).fill(1), programId: new Uint8Array(32).fill(2) });
const modelId = new Uint8Array(32).fill(3);

function desk(number: number) {
  const signer = generateKeypair();
  const gateway = new Uint8Array(32).fill(number);
  const now = { ms: 10_000, listPrice: 100_000n, baseFee: 1_125 };
  const parts = {
    domain,
    gateway,
    signer,
    verify: nativeVerifySignature,
    clock: { nowMs: () => now.ms },
    listPrice: () => now.listPrice,
    baseFee: () => now.baseFee,
    identityOf: (asked: Uint8Array) => (asked[0] === number ? signer.publicKey : undefined),
  };
  return { now, gateway, signer, ...quotes({ validMs: 30_000, toleranceMs: 500, maxUses: 2 })(parts) };
}

const rejected = (reason: string) => ({ verdict: 'reject', rule: 'L-08', reason });

test('L-07, L-08: a quote states what a lane costs now, and until when', () => {
  const { make, check, gateway } = desk(7);
  const quote = make({ modelId, lane: 4 });
  expect(quote.value).toEqual({
    gateway,
    modelId,
    lane: 4,
    unitPrice: 157_500n,
    baseFee: 1_125,
    issuedAtMs: 10_000n,
    expiresAtMs: 40_000n,
    nonce: expect.any(BigInt),
  });
  expect(check(quote)).toEqual({ verdict: 'accept' });
  expect(make({ modelId, lane: 4 }).value.nonce).not.toBe(quote.value.nonce);
  expect(() => make({ modelId, lane: 6 })).toThrowError('There is no such lane.');
});

test('L-08: it holds whatever prices do meanwhile, until the gateway’s clock and its tolerance have passed', () => {
  const { make, check, now } = desk(7);
  const quote = make({ modelId, lane: 0 });
  now.baseFee = 20_000;
  now.listPrice = 1_000_000n;
  now.ms = 40_500;
  expect(check(quote)).toEqual({ verdict: 'accept' });
  now.ms = 40_501;
  expect(check(quote)).toEqual(rejected('expired'));
});

test('L-08: it is good for so many requests, each quote for its own', () => {
  const { make, check, use, now } = desk(7);
  const quotes = Array.from({ length: 1_100 }, () => make({ modelId, lane: 0 }));
  const [first, second] = quotes;
  if (first === undefined || second === undefined) throw new Error('There are many.');
  for (const quote of quotes) expect(use(quote)).toEqual({ verdict: 'accept' });
  expect([use(first), use(first), use(second)]).toEqual([
    { verdict: 'accept' },
    rejected('used-up'),
    { verdict: 'accept' },
  ]);
  // To be told a price uses nothing up.
  expect(check(first)).toEqual({ verdict: 'accept' });
  now.ms = 40_501;
  expect([use(first), use(make({ modelId, lane: 0 }))]).toEqual([rejected('expired'), { verdict: 'accept' }]);
});

test('L-08: another price, lane or time than was signed, and another gateway’s quote, are refused', () => {
  const { make, check } = desk(7);
  const quote = make({ modelId, lane: 5 });
  const changes = [{ unitPrice: 1n }, { lane: 0 }, { expiresAtMs: 2n ** 63n }, { nonce: quote.value.nonce ^ 1n }];
  for (const change of changes)
    expect(check({ ...quote, value: { ...quote.value, ...change } })).toEqual(rejected('bad-signature'));
  expect(check(desk(8).make({ modelId, lane: 5 }))).toEqual(rejected('not-ours'));
  // Who names this gateway and signs with a key of its own.
  const forged = desk(7).make({ modelId, lane: 5 });
  expect(check(forged)).toEqual(rejected('bad-signature'));
});
