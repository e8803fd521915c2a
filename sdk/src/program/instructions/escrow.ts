import type { TransactionInstruction } from '@solana/web3.js';
import type { SumPath } from '../../protocol/merkle.ts';
import { NONE } from '../accounts.ts';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** P-08. The buyer signs and pays rent and amount (lamports). `authorised` is what may be debited in all without a voucher; whatever an epoch decides unless told. */
export function openEscrow(
  addresses: ProgramAddresses,
  options: {
    readonly buyer: Address;
    readonly gateway: Address;
    readonly amount: bigint;
    readonly authorised?: bigint;
  },
): TransactionInstruction {
  const { buyer, gateway, amount, authorised = NONE } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'openEscrow',
    args: { amount, authorised },
    accounts: { buyer, gateway, escrow: addresses.escrow(gateway, buyer) },
  });
}

/** P-09. Anyone may pay in; `payer` signs. */
export function depositEscrow(
  addresses: ProgramAddresses,
  options: { readonly payer: Address; readonly escrow: Address; readonly amount: bigint },
): TransactionInstruction {
  const { payer, escrow, amount } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'depositEscrow',
    args: { amount },
    accounts: { payer, escrow },
  });
}

/** P-10. The buyer signs. */
export function requestWithdrawal(
  addresses: ProgramAddresses,
  options: { readonly buyer: Address; readonly escrow: Address; readonly amount: bigint },
): TransactionInstruction {
  const { buyer, escrow, amount } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'requestWithdrawal',
    args: { amount },
    accounts: { buyer, escrow, config: addresses.config },
  });
}

/** P-11. The buyer signs. */
export function withdrawEscrow(
  addresses: ProgramAddresses,
  options: { readonly buyer: Address; readonly escrow: Address },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'withdrawEscrow',
    args: {},
    accounts: { ...options, config: addresses.config },
  });
}

/** P-19. Anyone may send it; the path has one sum per node: the debit. */
export function settleEscrow(
  addresses: ProgramAddresses,
  options: {
    readonly epoch: bigint;
    readonly escrow: Address;
    readonly index: number;
    readonly cumulativeAfter: bigint;
    readonly debit: bigint;
    readonly path: SumPath;
  },
): TransactionInstruction {
  const { escrow, ...args } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'settleEscrow',
    args: { ...args, path: options.path.map((node) => ({ hash: node.hash, sum: node.sums[0] })) },
    accounts: {
      epochAccount: addresses.epoch(options.epoch),
      config: addresses.config,
      escrow,
      vault: addresses.vault,
    },
  });
}
