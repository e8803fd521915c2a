import { Ed25519Program, TransactionInstruction } from '@solana/web3.js';
import type { Domain } from '../../protocol/header.ts';
import { type Voucher, voucherRecord } from '../../protocol/records.ts';
import type { Signed } from '../../protocol/signature.ts';
import type { Address } from '../address.ts';
import type { ProgramAddresses } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** P-39, M-07. The buyer signs the transaction. `cumulative` is what all debits together may come to, in lamports; `NONE` is whatever an epoch decides, for good. */
export function authoriseDebit(
  addresses: ProgramAddresses,
  options: { readonly escrow: Address; readonly buyer: Address; readonly cumulative: bigint },
): TransactionInstruction {
  const instruction = unsignedAuthorisation(addresses, options);
  // The same account signs or not, which the IDL cannot say.
  const keys = instruction.keys.map((key, i) => (i === BUYER ? { ...key, isSigner: true } : key));
  return new TransactionInstruction({ ...instruction, keys });
}

const BUYER = 2;

/** P-39, M-07. Anyone may send the two, in this order and with nothing between them: the precompile that checks the buyer's voucher, and what acts on it. */
export function redeemVoucher(
  addresses: ProgramAddresses,
  options: { readonly domain: Domain; readonly buyer: Address; readonly voucher: Signed<Voucher> },
): readonly [TransactionInstruction, TransactionInstruction] {
  const { domain, buyer, voucher } = options;
  const { escrow, cumulative } = voucher.value;
  return [
    Ed25519Program.createInstructionWithPublicKey({
      publicKey: buyer,
      message: voucherRecord.hash(domain, voucher.value),
      signature: voucher.signature,
    }),
    unsignedAuthorisation(addresses, { escrow, buyer, cumulative }),
  ];
}

function unsignedAuthorisation(
  addresses: ProgramAddresses,
  options: { readonly escrow: Address; readonly buyer: Address; readonly cumulative: bigint },
): TransactionInstruction {
  const { escrow, buyer, cumulative } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'authoriseDebit',
    args: { cumulative },
    accounts: { escrow, config: addresses.config, buyer },
  });
}
