import { hash, u32le } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { hashIndex } from './hashIndex.ts';

const hashes = Array.from({ length: 5000 }, (_, i) => hash(u32le(i)));

test('every hash has the position at which it came, and others have none', () => {
  const index = hashIndex();
  for (const one of hashes) index.add(one);
  expect(index.count).toBe(5000);
  expect(hashes.map(index.find)).toEqual(hashes.map((_, i) => i));
  expect(hashes.map((_, i) => index.at(i))).toEqual(hashes);
  expect(Array.from({ length: 1000 }, (_, i) => index.find(hash(u32le(5000 + i))))).toEqual(
    Array.from({ length: 1000 }, () => undefined),
  );
});

test('hashes that begin alike are told apart', () => {
  const index = hashIndex();
  const alike = Array.from({ length: 40 }, (_, i) => new Uint8Array(32).fill(i, 31));
  for (const one of alike.slice(1)) index.add(one);
  expect(alike.map(index.find)).toEqual([undefined, ...alike.slice(1).map((_, i) => i)]);
});
