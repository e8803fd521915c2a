import { expect, test } from 'vitest';
import type { Announcement } from './announcement.ts';
import { peerBook } from './peerBook.ts';

function announcement(who: number, sequence: bigint, incarnation = 1n): Announcement {
  return {
    identity: new Uint8Array(32).fill(who),
    incarnation,
    sequence,
    role: 'worker',
    participant: new Uint8Array(32),
    multiaddrs: [],
    engineClass: new Uint8Array(32),
    models: [],
    health: undefined,
  };
}
const book = () => peerBook({ maxEntries: 2, expireMs: 1_000, minIntervalMs: 100 });

test('keeps the newest announcement of an identity', () => {
  const entries = book();
  expect(entries.put(announcement(1, 5n), 0)).toBe('kept');
  expect(entries.put(announcement(1, 5n), 500)).toBe('same');
  expect(entries.put(announcement(1, 4n), 500)).toBe('old');
  expect(entries.put(announcement(1, 6n), 99)).toBe('soon');
  expect(entries.judge(announcement(1, 6n), 100)).toBe('kept');
  expect(entries.get(new Uint8Array(32).fill(1), 100)?.sequence).toBe(5n);
  expect(entries.put(announcement(1, 6n), 100)).toBe('kept');
  expect(entries.list(100).map(({ sequence }) => sequence)).toEqual([6n]);
});

test('N-10: a later life replaces whatever an earlier one said, and a replay of the earlier is old', () => {
  const entries = book();
  entries.put(announcement(1, 50n, 1n), 0);
  expect(entries.put(announcement(1, 1n, 2n), 100)).toBe('kept');
  expect(entries.put(announcement(1, 51n, 1n), 300)).toBe('old');
  expect(entries.list(300).map(({ incarnation }) => incarnation)).toEqual([2n]);
});

test('is full until an entry expires, and renewing one does not need room', () => {
  const entries = book();
  entries.put(announcement(1, 1n), 0);
  entries.put(announcement(2, 1n), 200);
  expect(entries.put(announcement(3, 1n), 300)).toBe('full');
  expect(entries.put(announcement(1, 2n), 400)).toBe('kept');
  expect(entries.put(announcement(3, 1n), 1_199)).toBe('full');
  expect(entries.put(announcement(3, 1n), 1_200)).toBe('kept');
  expect(entries.list(1_200).map(({ identity }) => identity[0])).toEqual([1, 3]);
});

test('knows its newest words byte for byte', () => {
  const entries = book();
  const one = announcement(1, 1n);
  const bytes = Uint8Array.of(1, 2, 3);
  entries.put(one, 0, { bytes });
  expect(entries.holds(one.identity, Uint8Array.of(1, 2, 3))).toBe(true);
  expect(entries.holds(one.identity, Uint8Array.of(1, 2, 4))).toBe(false);
  expect(entries.holds(announcement(2, 1n).identity, bytes)).toBe(false);
});
