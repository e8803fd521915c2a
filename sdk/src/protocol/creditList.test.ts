import { expect, test } from 'vitest';
import { compareBytes } from './bytes.ts';
import { decode, encode } from './codec.ts';
import { creditCollector, creditsCodec, type ReceiptCredit } from './creditList.ts';
import { label } from './fixtures/market.ts';

const credits = Array.from(
  { length: 20 },
  (_, i): ReceiptCredit => ({
    entryHash: label(`entry ${i}`),
    receiptHash: label(`receipt ${i}`),
    karma: [BigInt(i), 2n ** 64n - 1n, 3n, 4n, 5n],
    owed: BigInt(100 + i),
  }),
);
const inOrder = credits.toSorted((a, b) => compareBytes(a.entryHash, b.entryHash));

test('T-04: collected credits come sorted by entry hash, each whole', () => {
  const collector = creditCollector();
  for (const credit of credits) collector.add(credit);
  const list = collector.sorted();
  expect([...list]).toEqual(inOrder);
  expect([list.length, list.at(3), list.at(-1), list.at(20), list.at(0.5)]).toEqual([
    20,
    inOrder[3],
    inOrder[19],
    undefined,
    undefined,
  ]);
});

test('V-22: packed credits and an array of them have one form in bytes', () => {
  const codec = creditsCodec(20);
  const collector = creditCollector();
  for (const credit of credits) collector.add(credit);
  const bytes = encode(codec, inOrder);
  expect(encode(codec, collector.sorted())).toEqual(bytes);
  expect([...decode(codec, bytes)]).toEqual(inOrder);
});

test('F: a list over its maximum, or longer than its bytes, is refused before anything is read', () => {
  const codec = creditsCodec(20);
  const bytes = encode(codec, inOrder);
  expect(() => decode(creditsCodec(19), bytes)).toThrow('A field is longer than its maximum.');
  expect(() => encode(creditsCodec(19), inOrder)).toThrow('A field is longer than its maximum.');
  expect(() => decode(codec, bytes.subarray(0, bytes.length - 1))).toThrow('A message ends before its last field.');
});
