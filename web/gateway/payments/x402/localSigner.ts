import { createHash } from 'node:crypto';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toBase58 } from '@karmesh/sdk/program';
import type { Signer } from '@karmesh/sdk/signer';
import { type Connection, PublicKey, type VersionedMessage, VersionedTransaction } from '@solana/web3.js';
import { type FacilitatorSvmSigner, TransactionOnchainFailureError } from '@x402/svm';

export type LocalSignerOptions = {
  /** How often the cluster is asked whether a transaction has landed, in milliseconds; about a slot. */
  readonly pollMs: number;
  /** How long that may take, in milliseconds. */
  readonly confirmMs: number;
};

/** What became of a transaction that was sent. */
export type Landed = 'confirmed' | 'failed' | undefined;

export type LocalSigner = FacilitatorSvmSigner & {
  /**
   * SHA-256 of a payment's message, and the signature, base58, that it has once the fee payer has signed it: both are known before anything is
   * sent. @throws for what is no transaction, or one that this fee payer does not sign.
   */
  identify(transaction: string): Identified;
  landed(signature: string): Promise<Landed>;
  /** Whether no block can take a transaction with this blockhash any more, as of what is final. A node that has not heard of it yet says so too. */
  hasExpired(blockhash: string): Promise<boolean>;
};

export type Identified = {
  readonly messageHash: Uint8Array;
  readonly signature: string;
  /** Base58. */
  readonly blockhash: string;
  /** What its only memo says; undefined where it has none, or several. */
  readonly memo: string | undefined;
  /** Whether an instruction names the fee payer, which has signed: it could take what that owns. */
  readonly namesFeePayer: boolean;
};

const MEMO_PROGRAM = new PublicKey('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr');

function memoOf({ compiledInstructions, staticAccountKeys }: VersionedMessage): string | undefined {
  const [memo, ...others] = compiledInstructions.filter(
    ({ programIdIndex }) => staticAccountKeys[programIdIndex]?.equals(MEMO_PROGRAM) === true,
  );
  return memo === undefined || others.length > 0 ? undefined : Buffer.from(memo.data).toString();
}

/** The gateway's own key and RPC node as x402's facilitator needs them: it pays fees, simulates, sends and waits. */
export const localSigner =
  (options: LocalSignerOptions) =>
  (parts: { readonly signer: Signer; readonly connection: Connection; readonly signal: AbortSignal }): LocalSigner => {
    const { connection, signal, signer } = parts;
    const feePayer = toBase58(signer.publicKey) as ReturnType<FacilitatorSvmSigner['getAddresses']>[number];

    const signed = (transaction: string): VersionedTransaction => {
      const decoded = VersionedTransaction.deserialize(Buffer.from(transaction, 'base64'));
      decoded.addSignature(new PublicKey(signer.publicKey), signer.sign(decoded.message.serialize()));
      return decoded;
    };
    const landed = async (signature: string): Promise<Landed> => {
      const { value } = await connection.getSignatureStatuses([signature], { searchTransactionHistory: true });
      const [status] = value;
      if (status == null || status.confirmationStatus === 'processed') return undefined;
      return status.err === null ? 'confirmed' : 'failed';
    };

    return {
      getAddresses: () => [feePayer],
      landed,
      async hasExpired(blockhash) {
        const { value } = await connection.isBlockhashValid(blockhash, { commitment: 'finalized' });
        return !value;
      },
      identify(transaction) {
        const { message, signatures } = signed(transaction);
        const [signature] = signatures;
        if (signature === undefined) throw new KarmeshError('BAD_ARGUMENT', 'A transaction has no fee payer.');
        const messageHash = new Uint8Array(createHash('sha256').update(message.serialize()).digest());
        return {
          messageHash,
          signature: toBase58(signature),
          blockhash: message.recentBlockhash,
          memo: memoOf(message),
          namesFeePayer: message.compiledInstructions.some(({ accountKeyIndexes }) => accountKeyIndexes.includes(0)),
        };
      },
      async signTransaction(transaction) {
        return Buffer.from(signed(transaction).serialize()).toString('base64');
      },
      async simulateTransaction(transaction) {
        const decoded = VersionedTransaction.deserialize(Buffer.from(transaction, 'base64'));
        const { value } = await connection.simulateTransaction(decoded, { commitment: 'confirmed', sigVerify: false });
        if (value.err !== null)
          throw new KarmeshError('TRANSACTION_FAILED', 'The simulated payment failed.', {
            error: JSON.stringify(value.err),
          });
      },
      sendTransaction: (transaction) =>
        connection.sendRawTransaction(Buffer.from(transaction, 'base64'), { preflightCommitment: 'confirmed' }),
      async confirmTransaction(signature) {
        const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.confirmMs)]);
        for (;;) {
          const came = await landed(signature);
          if (came === 'confirmed') return;
          if (came === 'failed') throw new TransactionOnchainFailureError('The payment failed on chain.');
          deadline.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, options.pollMs));
        }
      },
    };
  };
