import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { type Address, addressFromBase58, toBase58 } from '../program/address.ts';
import { rpcCaller } from './rpcCaller.ts';

type WithSignal = { readonly signal: AbortSignal };

/** What a page needs to send what a wallet has signed. Every method throws `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`. */
export interface ChainSender {
  /** The newest, which a transaction names so that it is of this cluster and expires. */
  blockhash(options: WithSignal): Promise<Uint8Array>;
  /** Sends a signed transaction; its signature in base58. */
  send(transaction: Uint8Array, options: WithSignal): Promise<string>;
  /** How far a transaction has come. Throws `TRANSACTION_FAILED` if the cluster ran it and it failed. */
  standing(signature: string, options: WithSignal): Promise<'unknown' | 'processed' | 'confirmed' | 'finalized'>;
  /** By how many digits an amount of a token is written smaller than its base units. */
  tokenDecimals(mint: Address, options: WithSignal): Promise<number>;
}

const blockhashReply = z.object({ value: z.object({ blockhash: z.string().max(44) }) });
const signature = z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{64,88}$/);
const statusesReply = z.object({
  value: z.tuple([
    z
      .object({ err: z.unknown(), confirmationStatus: z.enum(['processed', 'confirmed', 'finalized']).nullish() })
      .nullable(),
  ]),
});
const supplyReply = z.object({ value: z.object({ decimals: z.int().min(0).max(255) }) });

/** Sends by an RPC node with `fetch` alone. */
export function chainSender(options: {
  readonly rpcUrl: string;
  readonly fetch?: typeof globalThis.fetch;
}): ChainSender {
  const { callFor } = rpcCaller(options);
  return {
    async blockhash({ signal }) {
      const params = [{ commitment: 'confirmed' }];
      const { value } = await callFor(blockhashReply, { method: 'getLatestBlockhash', params, signal });
      return addressFromBase58(value.blockhash);
    },
    send(transaction, { signal }) {
      const base64 = btoa(Array.from(transaction, (byte) => String.fromCharCode(byte)).join(''));
      const params = [base64, { encoding: 'base64', preflightCommitment: 'confirmed' }];
      return callFor(signature, { method: 'sendTransaction', params, signal });
    },
    async standing(sent, { signal }) {
      const params = [[sent], { searchTransactionHistory: true }];
      const { value } = await callFor(statusesReply, { method: 'getSignatureStatuses', params, signal });
      const [status] = value;
      if (status === null) return 'unknown';
      if (status.err != null) {
        const facts = { signature: sent, error: JSON.stringify(status.err) };
        throw new KarmeshError('TRANSACTION_FAILED', 'The cluster ran the transaction, and it failed.', facts);
      }
      return status.confirmationStatus ?? 'processed';
    },
    async tokenDecimals(mint, { signal }) {
      const { value } = await callFor(supplyReply, { method: 'getTokenSupply', params: [toBase58(mint)], signal });
      return value.decimals;
    },
  };
}
