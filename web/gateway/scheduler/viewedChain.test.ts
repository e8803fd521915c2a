import { KarmeshError } from '@karmesh/sdk/errors';
import { hash } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { viewedChain } from './viewedChain.ts';

const hashOf = (slot: bigint) => hash(Uint8Array.of(Number(slot)));

/** A view that has read the hashes of these slots, the newest first. */
function chainOf(slots: readonly bigint[]) {
  const notRead = (): never => {
    throw new RangeError('Nothing else is read here.');
  };
  return viewedChain(
    {
      latestSlotHash() {
        const [slot] = slots;
        if (slot === undefined) throw new KarmeshError('RPC_FAILED', 'The cluster has no slot hash yet.');
        return { slot, hash: hashOf(slot) };
      },
      slotHash: (slot) => (slots.includes(slot) ? hashOf(slot) : undefined),
      config: notRead,
      participants: () => [],
      chain: () => undefined,
      escrow: () => undefined,
    },
    new Uint8Array(32),
  );
}

test('a dispatch is drawn from the newest slot but one, which workers have read too', () => {
  expect(chainOf([9n, 8n, 7n]).sharedSlotHash()).toEqual({ slot: 8n, hash: hashOf(8n) });
  // Slots 8 and 7 had no block.
  expect(chainOf([9n, 6n, 5n]).sharedSlotHash()).toEqual({ slot: 6n, hash: hashOf(6n) });
});

test('after a long gap, and in a cluster of one slot, the newest has to do', () => {
  expect(chainOf([9n, 4n]).sharedSlotHash()).toEqual({ slot: 9n, hash: hashOf(9n) });
  expect(chainOf([0n]).sharedSlotHash()).toEqual({ slot: 0n, hash: hashOf(0n) });
});

test('without any slot hash there is none to share', () => {
  expect(chainOf([]).sharedSlotHash()).toBeUndefined();
  expect(chainOf([]).latestSlotHash()).toBeUndefined();
});
