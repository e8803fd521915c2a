import { PublicKey } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { u64le } from '../protocol/bytes.ts';
import { findProgramAddress } from './findProgramAddress.ts';
import { PROGRAM_ID } from './programId.ts';

test('derives what web3.js derives, over many bumps', () => {
  const program = new PublicKey(PROGRAM_ID);
  const bumps = new Set<number>();
  for (let epoch = 0n; epoch < 64n; epoch++) {
    const seeds = [new TextEncoder().encode('epoch'), u64le(epoch)];
    const [expected, bump] = PublicKey.findProgramAddressSync(seeds, program);
    bumps.add(bump);
    expect(findProgramAddress(seeds, PROGRAM_ID)).toEqual(expected.toBytes());
  }
  expect(bumps.size).toBeGreaterThan(3);
});
