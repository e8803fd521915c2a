import {
  type Connection,
  Keypair,
  PublicKey,
  SystemProgram,
  type Transaction,
  TransactionInstruction,
} from '@solana/web3.js';
import { expect } from 'vitest';
import { signed } from './wallet.ts';

export const tokenProgram = new PublicKey('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA');

/** Resolves when the next slot has begun. */
export async function nextSlot(connection: Connection): Promise<void> {
  const told = Promise.withResolvers<void>();
  const id = connection.onSlotChange(() => told.resolve());
  await told.promise;
  await connection.removeSlotChangeListener(id);
}

/** Sends a signed transaction and waits for its confirmation, which must be without an error. */
export async function sendSigned(
  connection: Connection,
  { transaction }: { readonly transaction: Transaction },
): Promise<string> {
  const signature = await connection.sendRawTransaction(transaction.serialize());
  const { value } = await connection.confirmTransaction({
    signature,
    blockhash: transaction.recentBlockhash ?? '',
    lastValidBlockHeight: transaction.lastValidBlockHeight ?? 0,
  });
  expect(value).toEqual({ err: null });
  return signature;
}

export function instructionOf(programId: PublicKey, ...accounts: readonly PublicKey[]): TransactionInstruction {
  const keys = accounts.map((pubkey) => ({ pubkey, isSigner: false, isWritable: false }));
  return new TransactionInstruction({ programId, keys });
}

export async function mintInstructions(
  connection: Connection,
  authority: PublicKey,
  mint: PublicKey,
): Promise<readonly TransactionInstruction[]> {
  const create = SystemProgram.createAccount({
    fromPubkey: authority,
    newAccountPubkey: mint,
    lamports: await connection.getMinimumBalanceForRentExemption(82),
    space: 82,
    programId: tokenProgram,
  });
  // InitializeMint2: tag 20, decimals, authority, no freeze authority.
  const initialise = new TransactionInstruction({
    programId: tokenProgram,
    keys: [{ pubkey: mint, isSigner: false, isWritable: true }],
    data: Buffer.concat([Buffer.from([20, 9]), authority.toBuffer(), Buffer.from([0])]),
  });
  return [create, initialise];
}

/** A mint of SPL Token with nine decimals: an account of 82 bytes that names its authority. */
export async function createMint(connection: Connection, authority: Keypair): Promise<PublicKey> {
  const mint = Keypair.generate();
  const instructions = await mintInstructions(connection, authority.publicKey, mint.publicKey);
  await sendSigned(connection, await signed({ connection, payer: authority, instructions, signers: [mint] }));
  return mint.publicKey;
}
