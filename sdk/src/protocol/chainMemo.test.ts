import { expect, test } from 'vitest';
import { chainPreimage, checkChainPreimage } from './assignment.ts';
import { withChainMemo } from './chainMemo.ts';

const chain = { secret: new Uint8Array(32).fill(7), length: 1024 };
const commitment = chainPreimage(chain, 0n);
const gateway = new Uint8Array(32).fill(1);

test('A-01: one chain keeps one memo, another epoch and another commitment have their own', () => {
  const commitments = new Map([
    [0n, commitment],
    [1n, new Uint8Array(32)],
  ]);
  const lookup = withChainMemo((_, epoch) => {
    const found = commitments.get(epoch);
    return found === undefined ? undefined : { commitment: found, length: chain.length };
  });
  const first = lookup(gateway, 0n);
  if (first === undefined) throw new Error('There is a chain in epoch 0.');
  expect(checkChainPreimage({ ...first, preimage: chainPreimage(chain, 70n), dispatchNumber: 70n })).toBe(true);
  expect([...(first.memo?.keys() ?? [])].sort()).toEqual([32n, 64n]);
  expect(lookup(gateway, 0n)?.memo).toBe(first.memo);
  expect(lookup(gateway, 1n)?.memo?.size).toBe(0);
  expect(lookup(gateway, 2n)).toBeUndefined();
  commitments.set(0n, new Uint8Array(32).fill(9));
  expect(lookup(gateway, 0n)?.memo?.size).toBe(0);
});
