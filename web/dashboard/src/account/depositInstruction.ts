import {
  addressFromBase58,
  associatedTokenAccount,
  type PlainInstruction,
  SYSTEM_PROGRAM,
  TOKEN_PROGRAM,
} from '@karmesh/sdk/client';
import type { DepositOffer } from './accountApi.ts';

/**
 * The transfer that pays an offer: of lamports by the system program, of tokens by the token program (`TransferChecked`). The offer's reference is
 * an account that it names and nobody signs for or writes, by which the gateway knows whose it is.
 */
export function depositInstruction(
  offer: DepositOffer,
  paid: { readonly from: string; readonly amount: bigint; readonly decimals: number },
): PlainInstruction {
  const owner = addressFromBase58(paid.from);
  const to = { address: addressFromBase58(offer.address), isSigner: false, isWritable: true };
  const reference = { address: addressFromBase58(offer.reference), isSigner: false, isWritable: false };
  if (offer.mint === null) {
    const data = new Uint8Array(12);
    const view = new DataView(data.buffer);
    view.setUint32(0, 2, true);
    view.setBigUint64(4, paid.amount, true);
    const accounts = [{ address: owner, isSigner: true, isWritable: true }, to, reference];
    return { programId: SYSTEM_PROGRAM, accounts, data };
  }
  const mint = addressFromBase58(offer.mint);
  const data = new Uint8Array(10);
  const view = new DataView(data.buffer);
  view.setUint8(0, 12);
  view.setBigUint64(1, paid.amount, true);
  view.setUint8(9, paid.decimals);
  const accounts = [
    { address: associatedTokenAccount(owner, mint), isSigner: false, isWritable: true },
    { address: mint, isSigner: false, isWritable: false },
    to,
    { address: owner, isSigner: true, isWritable: false },
    reference,
  ];
  return { programId: TOKEN_PROGRAM, accounts, data };
}
