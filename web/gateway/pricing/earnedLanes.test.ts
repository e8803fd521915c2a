import { namedParameters, ZERO_KARMA } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { testApp } from '../fixtures/testApp.ts';
import { earnedLanes, KARMA_LANE_PATTERN, readKarmaLanes } from './earnedLanes.ts';

const wallet = new Uint8Array(32).fill(7);
const other = new Uint8Array(32).fill(8);
const MICRO = 1_000_000n;
const HALF_LIFE = 1_000n;
const parameters = { ...namedParameters([]), ...halfLives() };

function halfLives() {
  const names = ['inference', 'seeding', 'uptime', 'redundancy', 'validation'] as const;
  return Object.fromEntries(names.map((name) => [`${name}HalfLifeSlots`, HALF_LIFE]));
}

function market(lanes: readonly string[] = ['silver=100', 'gold=200']) {
  const state = {
    slot: 0n,
    nowMs: 0,
    asked: 0,
    participants: [
      { owner: wallet, karma: [60n * MICRO, 0n, 0n, 0n, 40n * MICRO] as const, karmaSlot: 0n },
      { owner: other, karma: [900n * MICRO, 0n, 0n, 0n, 0n] as const, karmaSlot: 0n },
      { owner: wallet, karma: ZERO_KARMA, karmaSlot: 0n },
    ],
  };
  const earned = earnedLanes({ lanes: readKarmaLanes(lanes), keepMs: 1_000 })({
    async walletOf(accountId) {
      state.asked += 1;
      return accountId === 1n ? wallet : undefined;
    },
    participants: () => state.participants,
    slot: () => state.slot,
    parameters: () => parameters,
    unitPriceOf: (lane) => BigInt(100 - lane),
    clock: { nowMs: () => state.nowMs },
  });
  return { earned, state };
}

test('L-09: karma of all of a wallet’s participants earns a lane at the price of bronze', async () => {
  const { earned } = market();
  expect(await earned.termsOf(1n, undefined)).toEqual({ lane: 4, unitPrice: 95n });
  expect(await earned.termsOf(1n, 4)).toEqual({ lane: 4, unitPrice: 95n });
});

test('L-09: a dearer lane than was earned is paid for, and bronze costs what it costs', async () => {
  const { earned } = market();
  expect(await earned.termsOf(1n, 3)).toEqual({ lane: 3 });
  expect(await earned.termsOf(1n, 0)).toEqual({ lane: 0 });
  expect(await earned.termsOf(1n, 5)).toEqual({ lane: 5 });
});

test('L-09: an account without a wallet, and a market that gives no lanes, are as without karma', async () => {
  const { earned } = market();
  expect(await earned.termsOf(2n, undefined)).toEqual({ lane: 5 });
  const none = market([]);
  expect(await none.earned.termsOf(1n, undefined)).toEqual({ lane: 5 });
  expect(none.state.asked).toBe(0);
});

test('L-09: what was earned decays, and is looked up again in time', async () => {
  const { earned, state } = market(['silver=50', 'gold=100']);
  expect(await earned.termsOf(1n, undefined)).toMatchObject({ lane: 3 });
  state.slot = HALF_LIFE;
  expect(await earned.termsOf(1n, undefined)).toMatchObject({ lane: 3 });
  state.nowMs += 1_000;
  expect(await earned.termsOf(1n, undefined)).toMatchObject({ lane: 4 });
  state.slot = 2n * HALF_LIFE;
  state.nowMs += 1_000;
  expect(await earned.termsOf(1n, undefined)).toEqual({ lane: 5 });
});

test('settings that make no sense are refused', () => {
  expect(() => readKarmaLanes(['gold=100', 'silver=100'])).toThrowError(
    'A dearer lane must need more karma than a cheaper one.',
  );
  expect(() => readKarmaLanes(['diamond=5', 'silver=100'])).toThrowError();
  for (const wrong of ['gold', 'tin=5', 'gold=0', 'gold=-1', 'gold=1.5']) expect(wrong).not.toMatch(KARMA_LANE_PATTERN);
  expect('gold=15').toMatch(KARMA_LANE_PATTERN);
});

test('L-09: a request that names no lane gets the one that its account has earned, one that names a dearer pays for it', async () => {
  const { earned } = market();
  const { app, asked } = testApp({ parts: { earnedLanes: earned } });
  const ask = (karmesh: object) =>
    app.request('/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: 'Bearer sk-good', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], karmesh }),
    });
  expect((await ask({})).status).toBe(200);
  expect((await ask({ lane: 'gold' })).status).toBe(200);
  expect(asked.map(({ lane, unitPrice }) => [lane, unitPrice])).toEqual([
    [4, 95n],
    [3, undefined],
  ]);
});
