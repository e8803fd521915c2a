import { describe, expect, test } from 'vitest';
import { createBlocks } from './blocks.ts';

const block = (slot: number) => ({
  slot,
  unixTimestamp: 1_700_000_000 + slot,
  hash: new Uint8Array(32).fill(slot % 256),
  blockhash: `blockhash ${slot}`,
});

describe('blocks', () => {
  test('a blockhash is valid for 150 blocks after its own', () => {
    const blocks = createBlocks();
    for (let slot = 0; slot <= 160; slot += 1) blocks.push(block(slot));
    expect([9, 10, 160, 161].map((slot) => blocks.isValid(`blockhash ${slot}`))).toEqual([false, true, true, false]);
  });

  test('lays SlotHashes out as the sysvar, newest first', () => {
    const blocks = createBlocks();
    blocks.push(block(0));
    blocks.push(block(1));
    const data = Buffer.from(blocks.slotHashes());
    expect(data).toHaveLength(20_488);
    expect(data.readBigUInt64LE(0)).toBe(2n);
    expect([data.readBigUInt64LE(8), data.readBigUInt64LE(48)]).toEqual([1n, 0n]);
    expect([data[16], data[47], data[56], data[87]]).toEqual([1, 1, 0, 0]);
    expect(data.subarray(88).every((byte) => byte === 0)).toBe(true);
  });

  test('remembers 512 slots', () => {
    const blocks = createBlocks();
    for (let slot = 0; slot < 600; slot += 1) blocks.push(block(slot));
    const data = Buffer.from(blocks.slotHashes());
    expect(data.readBigUInt64LE(0)).toBe(512n);
    expect([data.readBigUInt64LE(8), data.readBigUInt64LE(8 + 511 * 40)]).toEqual([599n, 88n]);
    expect(blocks.at(87)).toBeUndefined();
    expect(blocks.at(88)).toEqual(block(88));
    expect(blocks.all()).toHaveLength(512);
  });
});
