import { expect, test } from 'vitest';
import { ROLE } from '../program/accounts.ts';
import { evmValidatorSet } from './validatorSet.ts';

const address = (byte: number): Uint8Array => new Uint8Array(20).fill(byte);
const validator = (byte: number, bondLamports: bigint, activeFromEpoch = 0n, hasSecp256k1 = 1) => ({
  role: ROLE.validator,
  activeFromEpoch,
  bondLamports,
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
