import { fromBase58 } from '../base58.ts';
import {
  maxTransactionBytes,
  parseMessage,
  parseTransaction,
  WireError,
  type WireMessage,
  type WireTransaction,
} from '../ledger/wireTransaction.ts';
import { decodeBase64 } from './params.ts';
import { invalidParams } from './rpcError.ts';

/** The longest texts of a transaction's bytes in each encoding. */
const maxChars = { base58: 1_683, base64: 1_644 } as const;

const typeNames = {
  transaction: 'solana_transaction::versioned::VersionedTransaction',
  message: 'solana_message::versions::VersionedMessage',
} as const;

/** The transaction in a call's text. Throws `RpcError` -32602. */
export function decodeTransaction(text: string, encoding: 'base58' | 'base64'): WireTransaction {
  return parse('transaction', text, encoding, parseTransaction);
}

/** The message in a call's base64 text. Throws `RpcError` -32602. */
export function decodeMessage(text: string): WireMessage {
  return parse('message', text, 'base64', parseMessage);
}

function parse<T>(
  kind: keyof typeof typeNames,
  text: string,
  encoding: 'base58' | 'base64',
  read: (bytes: Uint8Array) => T,
): T {
  if (text.length > maxChars[encoding]) {
    throw invalidParams(
      `${encoding} encoded ${typeNames[kind]} too large: ${text.length} bytes (max: encoded/raw ${maxChars[encoding]}/${maxTransactionBytes})`,
    );
  }
  const bytes = encoding === 'base64' ? decodeBase64(text) : fromBase58(text, maxChars.base58);
  if (bytes === undefined) throw invalidParams(`invalid ${encoding} encoding`);
  if (bytes.length > maxTransactionBytes) {
    throw invalidParams(
      `decoded ${typeNames[kind]} too large: ${bytes.length} bytes (max: ${maxTransactionBytes} bytes)`,
    );
  }
  try {
    return read(bytes);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    if (cause.kind === 'unsanitary') throw invalidParams(cause.message);
    throw invalidParams(`failed to deserialize ${typeNames[kind]}: ${cause.message}`);
  }
}
