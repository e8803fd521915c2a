import type { TransactionError } from '../ledger/transactionError.ts';

/** An answer of the JSON-RPC's `error` shape. Codes and sentences are Agave's (rpc-client-api, custom_error.rs). */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.data = data;
  }
}

export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  preflightFailure: -32002,
  blockNotAvailable: -32004,
  minContextSlot: -32016,
  unsupportedTransactionVersion: -32015,
} as const;

export function invalidParams(sentence: string): RpcError {
  return new RpcError(rpcCodes.invalidParams, sentence);
}

/** What `SendTransactionError` of web3.js is made from. */
export type PreflightFailure = {
  readonly err: TransactionError;
  readonly sentence: string;
  readonly logs: readonly string[];
  readonly unitsConsumed: number;
  readonly fee: bigint | null;
  readonly returnData: unknown;
};

export function preflightError({ err, sentence, logs, unitsConsumed, fee, returnData }: PreflightFailure): RpcError {
  return new RpcError(rpcCodes.preflightFailure, `Transaction simulation failed: ${sentence}`, {
    accounts: null,
    err,
    fee,
    innerInstructions: null,
    loadedAddresses: null,
    logs,
    postBalances: null,
    postTokenBalances: null,
    preBalances: null,
    preTokenBalances: null,
    replacementBlockhash: null,
    returnData,
    unitsConsumed,
  });
}
