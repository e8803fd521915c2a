import type { TransactionInstruction } from '@solana/web3.js';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** P-01. `parameters` are the 40 of docs/protocol.md in order; `payer` signs and becomes the initialiser. */
export function initialise(
  addresses: ProgramAddresses,
  options: {
    readonly payer: Address;
    readonly genesis: Uint8Array;
    readonly version: number;
    readonly parameters: readonly bigint[];
    readonly offchainParametersHash: Uint8Array;
  },
): TransactionInstruction {
  const { payer, ...args } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'initialise',
    args,
    accounts: { payer, config: addresses.config, vault: addresses.vault },
  });
}

/** P-02. `initialiser` signs. */
export function start(addresses: ProgramAddresses, options: { readonly initialiser: Address }): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'start',
    args: {},
    accounts: { initialiser: options.initialiser, config: addresses.config },
  });
}
