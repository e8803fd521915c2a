import { expect, test } from 'vitest';
import { ROLE } from '../program/accounts.ts';
import { constantWeight } from '../protocol/weights.ts';
import { evmValidatorSet } from './validatorSet.ts';

const address = (byte: number): Uint8Array => new Uint8Array(20).fill(byte);
const validator = (byte: number, weight: bigint, fromEpoch = 0n, hasSecp256k1 = 1) => ({
  role: ROLE.validator,
  weights: constantWeight(weight, fromEpoch),
  hasSecp256k1,
  secp256k1Address: hasSecp256k1 === 1 ? address(byte) : new Uint8Array(20),
});

test('Z-50: active validators by address; those without one count in the total, one address of two signs for both', () => {
  const participants = [
    validator(9, 5n),
    validator(3, 7n),
    validator(0, 11n, 0n, 0),
    validator(3, 2n),
    validator(4, 100n, 6n),
    { ...validator(5, 1_000n), role: ROLE.worker },
  ];
  const before = {
    totalStake: 25n,
    validators: [
      { signer: `0x${'03'.repeat(20)}`, stake: 9n },
      { signer: `0x${'09'.repeat(20)}`, stake: 5n },
    ],
  };
  expect(evmValidatorSet(participants, 5n)).toEqual(before);
  expect(evmValidatorSet(participants, 6n)).toEqual({
    totalStake: 125n,
    validators: before.validators.toSpliced(1, 0, { signer: `0x${'04'.repeat(20)}`, stake: 100n }),
  });
});

test('Z-50: an epoch that a stake changed too often since is refused, not guessed', () => {
  const points = [8n, 7n, 6n, 5n, 4n, 3n, 2n, 1n].map((fromEpoch) => ({ fromEpoch, weight: fromEpoch }));
  const participants = [{ ...validator(3, 1n), weights: { points } }];
  expect(evmValidatorSet(participants, 1n).totalStake).toBe(1n);
  expect(() => evmValidatorSet(participants, 0n)).toThrow('The chain no longer tells the stakes of this epoch.');
});
