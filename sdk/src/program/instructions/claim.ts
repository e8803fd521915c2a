import type { TransactionInstruction } from '@solana/web3.js';
import type { KarmaVector } from '../../protocol/karma.ts';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** P-21. Anyone may send it; `payer` signs, `owner` is the participant's and is paid. The path is one of claimsRoot (T-06). */
export function claim(
  addresses: ProgramAddresses,
  options: {
    readonly payer: Address;
    readonly participant: Address;
    readonly owner: Address;
    readonly epoch: bigint;
    readonly index: number;
    readonly lifetime: KarmaVector;
    readonly lifetimeOwed: bigint;
    readonly receiptsRoot: Uint8Array;
    readonly path: readonly Uint8Array[];
  },
): TransactionInstruction {
  const { payer, participant, owner, ...args } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'claim',
    args,
    accounts: {
      payer,
      config: addresses.config,
      epochAccount: addresses.epoch(options.epoch),
      participant,
      owner,
      vault: addresses.vault,
    },
  });
}
