import { toPublicKey } from '@karmesh/sdk/program';
import { TransactionInstruction } from '@solana/web3.js';

/** The instruction with another account at `position`. */
export function withAccount(instruction: TransactionInstruction, position: number, address: Uint8Array) {
  return new TransactionInstruction({
    ...instruction,
    keys: instruction.keys.map((key, i) => (i === position ? { ...key, pubkey: toPublicKey(address) } : key)),
  });
}

/** The instruction with the account at `position` not signing. */
export function unsigned(instruction: TransactionInstruction, position: number) {
  return new TransactionInstruction({
    ...instruction,
    keys: instruction.keys.map((key, i) => (i === position ? { ...key, isSigner: false } : key)),
  });
}

/** The instruction with other data. */
export function withData(instruction: TransactionInstruction, data: Uint8Array) {
  return new TransactionInstruction({ ...instruction, data: Buffer.from(data) });
}
