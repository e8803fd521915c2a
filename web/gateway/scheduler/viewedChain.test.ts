import { KarmeshError } from '@karmesh/sdk/errors';
import type { Staleness } from '@karmesh/sdk/program';
import { hash } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { viewedChain } from './viewedChain.ts';

const hashOf = (slot: bigint) => hash(Uint8Array.of(Number(slot)));

type Looks = { readonly staleness: () => Staleness; readonly poll: () => Promise<void> };

/** A view that has read the hashes of these slots, the newest first. */
function chainOf(
  slots: readonly bigint[],
  looks: Looks = { staleness: () => ({ ageMs: 0, error: undefined }), poll: () => Promise.resolve() },
) {
  const notRead = (): never => {
    throw new RangeError('Nothing else is read here.');
  };
  return viewedChain(
    {
      ...looks,
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
    { waitMs: 20 },
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

test('W-10: a view that is too old is read again, once for all who ask, before a slot is taken from it', async () => {
  const slots = [9n, 8n];
  let polls = 0;
  let ageMs = 1_001;
  const chain = chainOf(slots, {
    staleness: () => ({ ageMs, error: undefined }),
    async poll() {
      polls++;
      await Promise.resolve();
      slots.unshift(31n, 30n);
      ageMs = 0;
    },
  });
  await Promise.all([chain.catchUp(), chain.catchUp()]);
  expect([polls, chain.sharedSlotHash()?.slot]).toEqual([1, 30n]);
  await chain.catchUp();
  ageMs = 1_000;
  await chain.catchUp();
  expect(polls).toBe(1);
  ageMs = 1_001;
  await chain.catchUp();
  expect(polls).toBe(2);
});

test('a node that is away keeps nobody waiting, and one that hangs not for long', async () => {
  let polls = 0;
  const error = new KarmeshError('RPC_UNREACHABLE', 'The RPC node could not be reached.');
  const old = { ageMs: 60_000, error: undefined };
  const poll = async (fails: () => Promise<void>): Promise<void> => {
    polls++;
    await fails();
  };
  await chainOf([9n], { staleness: () => ({ ...old, error }), poll: () => poll(async () => {}) }).catchUp();
  expect(polls).toBe(0);
  await chainOf([9n], { staleness: () => old, poll: () => poll(() => Promise.reject(error)) }).catchUp();
  await chainOf([9n], { staleness: () => old, poll: () => poll(() => new Promise(() => {})) }).catchUp();
  expect(polls).toBe(2);
  const fault = chainOf([9n], {
    staleness: () => old,
    poll: () => poll(() => Promise.reject(new RangeError('A fault.'))),
  });
  await expect(fault.catchUp()).rejects.toThrow('A fault.');
});
