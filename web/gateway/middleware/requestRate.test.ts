import { expect, test } from 'vitest';
import { testApp } from '../fixtures/testApp.ts';
import { hashApiKey } from '../store/apiKeys.ts';
import { type RequestRate, requestRates } from './requestRate.ts';

function ratesOf(rate: RequestRate | undefined) {
  let nowMs = 1_000_000;
  const rates = requestRates({ clock: { nowMs: () => nowMs }, rateOf: () => rate });
  const key = hashApiKey('a');
  return {
    take: (of = key) => Object.values(rates.take(of)),
    takeTokens: (tokens: number) => Object.values(rates.takeTokens(key, () => tokens)),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a rate is used up and comes back', () => {
  const { take, pass } = ratesOf({ requests: 3, perMs: 60_000 });
  expect([take(), take(), take()]).toEqual([
    ['3', '2', '20s'],
    ['3', '1', '40s'],
    ['3', '0', '1m0s'],
  ]);
  expect(() => take()).toThrow(
    expect.objectContaining({
      status: 429,
      message: 'Rate limit reached for this API key: 3 requests in 1m0s.',
      headers: {
        'x-ratelimit-limit-requests': '3',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1m0s',
        'retry-after': '20',
      },
    }),
  );
  pass(19_900);
  expect(() => take()).toThrow(expect.objectContaining({ headers: expect.objectContaining({ 'retry-after': '1' }) }));
  pass(100);
  expect(take()).toEqual(['3', '0', '1m0s']);
  pass(600_000);
  expect(take()).toEqual(['3', '2', '20s']);
});

test('a clock that is set back takes nothing from a rate', () => {
  const { take, pass } = ratesOf({ requests: 3, perMs: 60_000 });
  take();
  pass(-3_600_000);
  expect(take()).toEqual(['3', '1', '40s']);
  pass(20_000);
  expect(take()).toEqual(['3', '1', '40s']);
});

test('each key has its own rate, and a key without one has no headers', () => {
  const { take } = ratesOf({ requests: 1, perMs: 100 });
  expect(take()).toEqual(['1', '0', '100ms']);
  expect(take(hashApiKey('b'))).toEqual(['1', '0', '100ms']);
  expect(ratesOf(undefined).take()).toEqual([]);
});

test('answers and refusals tell the rate', async () => {
  const { post } = testApp({ parts: { rateOf: () => ({ requests: 2, perMs: 60_000 }) } });
  const left = async (body: object) => {
    const { status, headers } = await post('/v1/chat/completions', body);
    return [status, headers.get('x-ratelimit-remaining-requests'), headers.get('retry-after')];
  };
  const hello = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }] };
  expect([await left(hello), await left({}), await left(hello)]).toEqual([
    [200, '1', null],
    [400, '0', null],
    [429, '0', '30'],
  ]);
});

test('tokens have a bucket of their own, which is not asked about where there is none', () => {
  const { take, takeTokens, pass } = ratesOf({ tokens: 1_000, perMs: 60_000 });
  expect(take()).toEqual([]);
  expect(takeTokens(400)).toEqual(['1000', '600', '24s']);
  expect(takeTokens(600)).toEqual(['1000', '0', '1m0s']);
  expect(() => takeTokens(100)).toThrow(
    expect.objectContaining({
      status: 429,
      message: 'Rate limit reached for this API key: 1000 tokens in 1m0s. This one may use 100.',
      headers: {
        'x-ratelimit-limit-tokens': '1000',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '1m0s',
        'retry-after': '6',
      },
    }),
  );
  pass(6_000);
  expect(takeTokens(100)).toEqual(['1000', '0', '1m0s']);
  expect(() => takeTokens(1_001)).toThrow(
    expect.objectContaining({ headers: expect.objectContaining({ 'x-should-retry': 'false' }) }),
  );
  const unbound = ratesOf({ requests: 1, perMs: 60_000 });
  expect(unbound.takeTokens(Number.NaN)).toEqual([]);
});
