import {
  type Blockhash,
  type Connection,
  Keypair,
  type PublicKey,
  SystemProgram,
  Transaction,
  type TransactionInstruction,
} from '@solana/web3.js';

/** A keypair with `lamports` from the cluster's faucet, confirmed. */
export async function fundedWallet(connection: Connection, lamports = 5_000_000_000): Promise<Keypair> {
  const wallet = Keypair.generate();
  const latest = await connection.getLatestBlockhash();
  const signature = await connection.requestAirdrop(wallet.publicKey, lamports);
  await connection.confirmTransaction({ signature, ...latest });
  return wallet;
}

export type SignedOptions = {
  readonly connection: Connection;
  readonly payer: Keypair;
  readonly instructions: readonly TransactionInstruction[];
  readonly signers?: readonly Keypair[];
  readonly blockhash?: Blockhash;
};

export type Signed = {
  readonly transaction: Transaction;
  readonly base64: string;
  readonly lastValidBlockHeight: number;
};

/** A legacy transaction, signed and not sent. */
export async function signed(options: SignedOptions): Promise<Signed> {
  const { connection, payer, instructions, signers = [] } = options;
  const latest = await connection.getLatestBlockhash();
  const transaction = new Transaction({
    feePayer: payer.publicKey,
    lastValidBlockHeight: latest.lastValidBlockHeight,
    blockhash: options.blockhash ?? latest.blockhash,
  });
  transaction.add(...instructions);
  transaction.sign(payer, ...signers);
  return {
    transaction,
    base64: transaction.serialize().toString('base64'),
    lastValidBlockHeight: latest.lastValidBlockHeight,
  };
}

export function transfer(from: PublicKey, to: PublicKey, lamports: number): TransactionInstruction {
  return SystemProgram.transfer({ fromPubkey: from, toPubkey: to, lamports });
}
