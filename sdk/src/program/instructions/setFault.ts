import type { TransactionInstruction } from '@solana/web3.js';
import { FAULT } from '../accounts.ts';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** P-48. The finder signs. `manifestHash` is that of the epoch. */
export function proveBadSignature(
  addresses: ProgramAddresses,
  options: {
    readonly finder: Address;
    readonly epoch: bigint;
    readonly manifestHash: Uint8Array;
    readonly commitment: Uint8Array;
    readonly salt: Uint8Array;
    readonly buffer: Address;
  },
): TransactionInstruction {
  const { finder, epoch, manifestHash, commitment, salt, buffer } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'proveBadSignature',
    args: { epoch, salt },
    accounts: {
      finder,
      config: addresses.config,
      epochAccount: addresses.epoch(epoch),
      vault: addresses.vault,
      finding: addresses.finding(finder, commitment),
      buffer,
      fault: addresses.fault(manifestHash, FAULT.signature),
    },
  });
}

/** P-48. Anyone may send it; `payer` signs and pays the case's rent. */
export function accuseAttester(
  addresses: ProgramAddresses,
  options: {
    readonly payer: Address;
    readonly epoch: bigint;
    readonly manifestHash: Uint8Array;
    readonly validator: Address;
    /** `falseAttestationKey` of the epoch. */
    readonly offenceKey: Uint8Array;
  },
): TransactionInstruction {
  const { payer, epoch, manifestHash, validator, offenceKey } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'accuseVoter',
    args: {},
    accounts: {
      payer,
      config: addresses.config,
      fault: addresses.fault(manifestHash, FAULT.signature),
      vote: addresses.vote(epoch, validator),
      validator,
      case: addresses.offenceCase(validator, offenceKey),
    },
  });
}
