import { PublicKey, type Transaction } from '@solana/web3.js';
import type { Signer } from '../signer.ts';

/** What signs a transaction: a keypair of ours, or a wallet with this shape. */
export interface TransactionSigner {
  readonly publicKey: PublicKey;
  /** Adds this key's signature to a transaction whose fee payer and blockhash are set. */
  signTransaction(transaction: Transaction): Promise<Transaction>;
}

/** A transaction signer from a keypair of `@karmesh/sdk/runtime`, whose secret stays where it is. */
export function transactionSigner(signer: Signer): TransactionSigner {
  const publicKey = new PublicKey(signer.publicKey);
  return {
    publicKey,
    signTransaction: async (transaction) => {
      transaction.addSignature(publicKey, Buffer.from(signer.sign(transaction.serializeMessage())));
      return transaction;
    },
  };
}
