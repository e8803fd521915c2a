import { PublicKey, SYSVAR_CLOCK_PUBKEY, SYSVAR_SLOT_HASHES_PUBKEY } from '@solana/web3.js';
import { describe, expect, test } from 'vitest';
import { nextSlot } from './chainSteps.ts';
import type { Fixture } from './fixture.ts';

/** What a cluster says of itself, its slots and its sysvars. */
export function clusterContract(fixture: () => Fixture): void {
  describe('cluster', () => {
    test('asks the rent of SIMD-0194', async () => {
      const { connection } = fixture();
      const sizes = [0, 1, 128, 165, 640, 10_485_760];
      const minimums = await Promise.all(sizes.map((size) => connection.getMinimumBalanceForRentExemption(size)));
      expect(minimums).toEqual([890_880, 897_840, 1_781_760, 2_039_280, 5_345_280, 72_981_780_480]);
    });

    test('says who and where it is', async () => {
      const { connection, call } = fixture();
      expect(await call('getHealth')).toEqual({ result: 'ok' });
      expect(await connection.getVersion()).toEqual({
        'feature-set': expect.any(Number),
        'solana-core': expect.stringMatching(/^\d+\.\d+\.\d+$/),
      });
      expect(new PublicKey(await connection.getGenesisHash()).toBytes()).toHaveLength(32);
      const { result } = await call('getIdentity');
      expect(await connection.getSlotLeader()).toEqual((result as { identity: string }).identity);
      expect(await call('getFirstAvailableBlock')).toEqual({ result: 0 });
      expect(await connection.getEpochSchedule()).toMatchObject({
        firstNormalEpoch: 0,
        firstNormalSlot: 0,
        slotsPerEpoch: 432_000,
        warmup: false,
      });
      const info = await connection.getEpochInfo();
      expect(info).toEqual({
        absoluteSlot: info.absoluteSlot,
        blockHeight: info.absoluteSlot,
        epoch: 0,
        slotIndex: info.absoluteSlot,
        slotsInEpoch: 432_000,
        transactionCount: expect.any(Number),
      });
    });

    test('makes slots one after the other, and tells of each', async () => {
      const { connection } = fixture();
      const slots: { slot: number; parent: number }[] = [];
      const seen = Promise.withResolvers<void>();
      const id = connection.onSlotChange(({ slot, parent }) => {
        slots.push({ slot, parent });
        if (slots.length === 5) seen.resolve();
      });
      await seen.promise;
      await connection.removeSlotChangeListener(id);
      const [first] = slots;
      expect(slots).toEqual(
        slots.map((_, index) => ({ slot: (first?.slot ?? 0) + index, parent: (first?.slot ?? 0) + index - 1 })),
      );
      expect(await connection.getBlockHeight()).toBeGreaterThanOrEqual(first?.slot ?? 0);
    });

    test('fills SlotHashes as programs read it', async () => {
      const { connection } = fixture();
      const read = async () => {
        const accounts = await connection.getMultipleAccountsInfo(
          [SYSVAR_SLOT_HASHES_PUBKEY, SYSVAR_CLOCK_PUBKEY],
          'processed',
        );
        const [hashes, clock] = accounts.map((account) => account?.data ?? Buffer.alloc(0));
        return { hashes: hashes ?? Buffer.alloc(0), slot: Number(clock?.readBigUInt64LE(0)) };
      };
      const entriesOf = (data: Buffer) =>
        Array.from({ length: Number(data.readBigUInt64LE(0)) }, (_, index) => ({
          slot: Number(data.readBigUInt64LE(8 + 40 * index)),
          hash: data.toString('hex', 16 + 40 * index, 48 + 40 * index),
        }));
      const first = await read();
      expect(first.hashes).toHaveLength(20_488);
      const entries = entriesOf(first.hashes);
      // Newest first, beginning with the parent of the running slot, none left out on a cluster of one.
      expect(entries.map(({ slot }) => slot)).toEqual(entries.map((_, index) => first.slot - 1 - index));
      expect(new Set(entries.map(({ hash }) => hash)).size).toBe(entries.length);
      expect(first.hashes.subarray(8 + 40 * entries.length).every((byte) => byte === 0)).toBe(true);

      await nextSlot(connection);
      const later = new Map(entriesOf((await read()).hashes).map(({ slot, hash }) => [slot, hash]));
      expect(entries.map(({ slot }) => later.get(slot))).toEqual(entries.map(({ hash }) => hash));
    });

    test('keeps time', async () => {
      const { connection, call } = fixture();
      const clock = await connection.getAccountInfo(SYSVAR_CLOCK_PUBKEY);
      const unixTimestamp = Number(clock?.data.readBigInt64LE(32));
      expect(Math.abs(unixTimestamp - Date.now() / 1_000)).toBeLessThan(60);
      const slot = await connection.getSlot('finalized');
      expect(Math.abs(((await connection.getBlockTime(slot)) ?? 0) - Date.now() / 1_000)).toBeLessThan(60);
      expect(await call('getBlockTime', 1_000_000_000)).toEqual({
        error: { code: -32_004, message: 'Block not available for slot 1000000000' },
      });
    });
  });
}
