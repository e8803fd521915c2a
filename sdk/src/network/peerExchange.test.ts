import { expect, test } from 'vitest';
import { encodePeers, parsePeers, peersFrameBytes } from './peerExchange.ts';

const heard = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, i) => ({ ageMs: i, announcement: new Uint8Array(bytes).fill(i) }));

test('gives everything that fits, and another draw each time where not all does', () => {
  const few = heard(3, 100);
  const given = parsePeers(encodePeers(few, Math.random)) ?? [];
  expect([...given].sort((a, b) => a.ageMs - b.ageMs)).toEqual(few);
  expect(parsePeers(encodePeers([], Math.random))).toEqual([]);

  const many = heard(200, 8_000);
  const first = encodePeers(many, () => 0);
  const last = encodePeers(many, () => 0.999);
  expect(first.length).toBeLessThanOrEqual(peersFrameBytes);
  expect(parsePeers(first)?.map(({ ageMs }) => ageMs)).toEqual(Array.from({ length: 32 }, (_, i) => i));
  expect(parsePeers(last)?.map(({ ageMs }) => ageMs)).toEqual(Array.from({ length: 32 }, (_, i) => 199 - i));
  expect(parsePeers(encodePeers(heard(2_000, 10), Math.random))).toHaveLength(1_024);
});

test('what is malformed is nothing', () => {
  const good = encodePeers(heard(2, 10), Math.random);
  expect(parsePeers(good.subarray(0, good.length - 1))).toBeUndefined();
  expect(parsePeers(new Uint8Array([...good, 0]))).toBeUndefined();
  expect(parsePeers(Uint8Array.of(255, 255, 255, 255))).toBeUndefined();
});
