import type { TransactionInstruction } from '@solana/web3.js';
import { KarmeshError } from '../../errors.ts';
import { ASSET } from '../accounts.ts';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** Who registers. Both keys sign; the owner pays rent and bond. */
export interface RegistrationKeys {
  readonly owner: Address;
  readonly identity: Address;
  /** Lamports. */
  readonly bond: bigint;
}

function accountsOf(addresses: ProgramAddresses, { owner, identity }: RegistrationKeys): Record<string, Address> {
  const participant = addresses.participant(identity);
  const stake = addresses.stake({ participant, staker: owner, asset: ASSET.lamports });
  return { owner, identity, config: addresses.config, participant, stake };
}

const MAX_MODELS = 4;

/** P-03. One to four model ids; `capacity` is the number of requests at once that the bond stands for, 1 unless told. */
export function registerWorker(
  addresses: ProgramAddresses,
  options: RegistrationKeys & {
    readonly engineClass: Uint8Array;
    readonly models: readonly Uint8Array[];
    readonly capacity?: number;
  },
): TransactionInstruction {
  if (options.models.length < 1 || options.models.length > MAX_MODELS) {
    throw new KarmeshError('BAD_ARGUMENT', 'A worker registers one to four models.', { models: options.models.length });
  }
  const models = Array.from({ length: MAX_MODELS }, (_, i) => options.models[i] ?? new Uint8Array(32));
  return buildInstruction({
    programId: addresses.programId,
    name: 'registerWorker',
    args: {
      engineClass: options.engineClass,
      modelCount: options.models.length,
      models,
      bond: options.bond,
      capacity: options.capacity ?? 1,
    },
    accounts: accountsOf(addresses, options),
  });
}

/** A secp256k1 address with its proof: a signature by EIP-191 over `H(domain || 19 || participant)`, 64 bytes of r and s, and the recovery id. */
export interface Secp256k1Proof {
  readonly address: Uint8Array;
  readonly signature: Uint8Array;
  readonly recoveryId: number;
}

/** P-04. */
export function registerValidator(
  addresses: ProgramAddresses,
  options: RegistrationKeys & { readonly secp256k1?: Secp256k1Proof },
): TransactionInstruction {
  const proof = options.secp256k1;
  return buildInstruction({
    programId: addresses.programId,
    name: 'registerValidator',
    args: {
      bond: options.bond,
      hasSecp256k1: proof === undefined ? 0 : 1,
      address: proof?.address ?? new Uint8Array(20),
      signature: proof?.signature ?? new Uint8Array(64),
      recoveryId: proof?.recoveryId ?? 0,
    },
    accounts: accountsOf(addresses, options),
  });
}

/** P-05. */
export function registerGateway(addresses: ProgramAddresses, options: RegistrationKeys): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'registerGateway',
    args: { bond: options.bond },
    accounts: accountsOf(addresses, options),
  });
}

/** P-06. The owner and the new identity sign. */
export function rotateIdentity(
  addresses: ProgramAddresses,
  options: { readonly owner: Address; readonly newIdentity: Address; readonly participant: Address },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'rotateIdentity',
    args: {},
    accounts: { ...options, config: addresses.config },
  });
}
