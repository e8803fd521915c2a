import { expect, test } from 'vitest';
import { peerBans } from './peerBans.ts';

test('the seventeenth fault in a row bans for a minute', () => {
  let at = 0;
  const bans = peerBans({ maxEntries: 4 })({ now: () => at });
  expect(Array.from({ length: 17 }, () => bans.fault('a'))).toEqual([...Array<boolean>(16).fill(false), true]);
  expect([bans.isBanned('a'), bans.isBanned('b')]).toEqual([true, false]);
  at = 59_999;
  expect(bans.isBanned('a')).toBe(true);
  at = 60_000;
  expect(bans.isBanned('a')).toBe(false);
});

test('a fault in five seconds is forgiven for ever', () => {
  let at = 0;
  const bans = peerBans({ maxEntries: 4 })({ now: () => at });
  for (at = 0; at < 1_000_000; at += 5_000) expect(bans.fault('a')).toBe(false);
});

test('remembers a bounded number of peers, the latest', () => {
  const bans = peerBans({ maxEntries: 2 })({ now: () => 0 });
  for (const peer of ['a', 'b', 'c']) for (let count = 0; count < 17; count += 1) bans.fault(peer);
  expect(['a', 'b', 'c'].map((peer) => bans.isBanned(peer))).toEqual([false, true, true]);
});
