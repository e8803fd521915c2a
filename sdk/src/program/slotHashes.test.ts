import { expect, test } from 'vitest';
import { u64le } from '../protocol/bytes.ts';
import { decodeSlotHashes } from './slotHashes.ts';

function sysvar(count: bigint, entries: readonly { readonly slot: bigint; readonly byte: number }[]): Uint8Array {
  const parts = entries.flatMap(({ slot, byte }) => [...u64le(slot), ...new Uint8Array(32).fill(byte)]);
  return new Uint8Array([...u64le(count), ...parts]);
}

test('reads the entries, the newest first', () => {
  const data = sysvar(2n, [
    { slot: 9n, byte: 1 },
    { slot: 7n, byte: 2 },
  ]);
  expect(decodeSlotHashes(data)).toEqual([
    { slot: 9n, hash: new Uint8Array(32).fill(1) },
    { slot: 7n, hash: new Uint8Array(32).fill(2) },
  ]);
  expect(decodeSlotHashes(sysvar(0n, []))).toEqual([]);
});

test.each([
  ['is empty', new Uint8Array(0)],
  ['is shorter than its count', sysvar(2n, [{ slot: 9n, byte: 1 }])],
  ['counts more than 512', sysvar(513n, [])],
  ['counts more than any memory', sysvar(2n ** 64n - 1n, [])],
])('refuses a sysvar that %s', (_, data) => {
  expect(() => decodeSlotHashes(data)).toThrowError(expect.objectContaining({ code: 'CODEC' }));
});
