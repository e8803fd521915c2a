import type { TransactionInstruction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { ASSET } from './accounts.ts';
import { programAddresses } from './addresses.ts';
import type { PlainInstruction } from './compileTransaction.ts';
import { claim } from './instructions/claim.ts';
import { collectCommission, collectRewards, unstake, withdrawStake } from './instructions/stake.ts';
import { plainInstruction } from './plainInstruction.ts';
import { stakeInstructions } from './stakeInstructions.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const addresses = programAddresses(bytes(9));
const plain = ({ programId, keys, data }: TransactionInstruction): PlainInstruction => ({
  programId: programId.toBytes(),
  accounts: keys.map(({ pubkey, ...flags }) => ({ address: pubkey.toBytes(), ...flags })),
  data: Uint8Array.from(data),
});

test.each([ASSET.lamports, ASSET.tokens])(
  'a stake of asset %i is handled by the instructions of Anchor’s coder',
  (asset) => {
    const name = { participant: bytes(1), staker: bytes(2), asset };
    const withTokens = { ...name, stakerTokens: bytes(3) };
    expect(stakeInstructions.unstake(addresses, name)).toEqual(plain(unstake(addresses, name)));
    expect(stakeInstructions.withdraw(addresses, withTokens)).toEqual(plain(withdrawStake(addresses, withTokens)));
    expect(stakeInstructions.collectRewards(addresses, name)).toEqual(plain(collectRewards(addresses, name)));
  },
);

test('a commission is collected by the instruction of Anchor’s coder', () => {
  const whose = { owner: bytes(1), participant: bytes(2) };
  expect(stakeInstructions.collectCommission(addresses, whose)).toEqual(plain(collectCommission(addresses, whose)));
});

test.each([0, 1, 20])('a claim with a path of %i hashes is the instruction of Anchor’s coder', (length) => {
  const named = { payer: bytes(1), participant: bytes(2), owner: bytes(3), receiptsRoot: bytes(4), epoch: 2n ** 40n };
  const path = Array.from({ length }, (_, i) => bytes(100 + i));
  const karma = [1n, 2n, 3n, 4n, 2n ** 64n - 1n] as const;
  expect(stakeInstructions.claim(addresses, { ...named, index: 70_000, karma, owed: 9n, path })).toEqual(
    plain(claim(addresses, { ...named, index: 70_000, lifetime: karma, lifetimeOwed: 9n, path })),
  );
});

test('refuses what the IDL does not have, or what lacks an account', () => {
  const { programId } = addresses;
  expect(() => plainInstruction({ programId, name: 'steal', accounts: {} })).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', message: 'The IDL has no instruction of this name.' }),
  );
  expect(() => plainInstruction({ programId, name: 'unstake', accounts: {} })).toThrowError(
    expect.objectContaining({ code: 'BAD_ARGUMENT', message: 'An instruction lacks one of its accounts.' }),
  );
});
