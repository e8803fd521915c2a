import type { TransactionInstruction } from '@solana/web3.js';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** P-07. The gateway's identity signs and pays the rent. */
export function commitChain(
  addresses: ProgramAddresses,
  options: {
    readonly identity: Address;
    readonly gateway: Address;
    readonly epoch: bigint;
    readonly commitment: Uint8Array;
    readonly length: number;
  },
): TransactionInstruction {
  const { identity, gateway, ...args } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'commitChain',
    args,
    accounts: { identity, gateway, config: addresses.config, chain: addresses.chain(gateway, options.epoch) },
  });
}
