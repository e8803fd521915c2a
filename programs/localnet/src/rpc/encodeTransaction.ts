import { toBase58 } from '../base58.ts';
import type { InnerInstruction } from '../ledger/engine.ts';
import type { TransactionRecord } from '../ledger/event.ts';
import type { TokenBalance } from '../ledger/tokenBalances.ts';
import { tokenProgram } from '../ledger/wellKnown.ts';
import { isWritable, parseTransaction, type WireTransaction } from '../ledger/wireTransaction.ts';
import { RpcError, rpcCodes } from './rpcError.ts';

export const transactionEncodings = ['binary', 'base64', 'base58', 'json', 'jsonParsed'] as const;
export type TransactionEncoding = (typeof transactionEncodings)[number];

export type TransactionView = {
  readonly encoding: TransactionEncoding;
  /** Undefined: the caller knows legacy transactions only. */
  readonly maxSupportedTransactionVersion: number | undefined;
};

/** A landed transaction as `getTransaction` shows it. */
export function encodeTransaction(record: TransactionRecord, view: TransactionView): unknown {
  const transaction = parseTransaction(record.bytes);
  const { version } = transaction.message;
  if (version !== 'legacy' && (view.maxSupportedTransactionVersion ?? -1) < version) {
    throw new RpcError(
      rpcCodes.unsupportedTransactionVersion,
      `Transaction version (${version}) is not supported by the requesting client. Please try the request again with the following configuration parameter: "maxSupportedTransactionVersion": ${version}`,
    );
  }
  return {
    blockTime: record.blockTime,
    meta: encodeMeta(record, transaction, view.encoding),
    slot: record.slot,
    transaction: encodeBody(record, transaction, view.encoding),
    ...(view.maxSupportedTransactionVersion === undefined ? {} : { version }),
  };
}

export function encodeReturnData(returnData: TransactionRecord['returnData']): unknown {
  if (returnData === undefined) return null;
  return { programId: returnData.programId, data: [Buffer.from(returnData.data).toString('base64'), 'base64'] };
}

/** The instructions that others invoked, without the top-level ones that invoked none. */
export function encodeInnerInstructions(
  groups: readonly (readonly InnerInstruction[])[],
  encode: (instruction: InnerInstruction) => unknown = encodeCompiled,
): unknown {
  return groups.flatMap((group, index) => (group.length === 0 ? [] : [{ index, instructions: group.map(encode) }]));
}

function encodeMeta(record: TransactionRecord, { message }: WireTransaction, encoding: TransactionEncoding): unknown {
  const parsed = encoding === 'jsonParsed';
  return {
    computeUnitsConsumed: record.unitsConsumed,
    err: record.err,
    fee: record.fee,
    innerInstructions: encodeInnerInstructions(
      record.innerInstructions,
      parsed ? (instruction) => decodePartially(instruction, keysOf(record, message)) : encodeCompiled,
    ),
    ...(parsed ? {} : { loadedAddresses: { readonly: record.loadedReadonly, writable: record.loadedWritable } }),
    logMessages: record.logs,
    postBalances: record.postBalances,
    postTokenBalances: record.postTokenBalances.map(encodeTokenBalance),
    preBalances: record.preBalances,
    preTokenBalances: record.preTokenBalances.map(encodeTokenBalance),
    ...(record.returnData === undefined ? {} : { returnData: encodeReturnData(record.returnData) }),
    rewards: [],
    status: record.err === null ? { Ok: null } : { Err: record.err },
  };
}

function encodeTokenBalance({ accountIndex, mint, owner, amount, decimals }: TokenBalance): unknown {
  const uiAmountString = decimalString(amount, decimals);
  return {
    accountIndex,
    mint,
    owner,
    programId: tokenProgram,
    uiTokenAmount: {
      amount: amount.toString(),
      decimals,
      uiAmount: amount === 0n ? null : Number(uiAmountString),
      uiAmountString,
    },
  };
}

/** Base units as a decimal number without zeros at its end. */
function decimalString(amount: bigint, decimals: number): string {
  const digits = amount.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

function encodeBody(record: TransactionRecord, transaction: WireTransaction, encoding: TransactionEncoding): unknown {
  const { message } = transaction;
  if (encoding === 'base64') return [Buffer.from(record.bytes).toString('base64'), 'base64'];
  if (encoding === 'base58') return [toBase58(record.bytes), 'base58'];
  if (encoding === 'binary') return toBase58(record.bytes);
  const signatures = transaction.signatures.map(toBase58);
  const lookups =
    message.version === 'legacy'
      ? {}
      : {
          addressTableLookups: message.lookups.map(({ table, writable, readonly }) => ({
            accountKey: table,
            readonlyIndexes: readonly,
            writableIndexes: writable,
          })),
        };
  if (encoding === 'json') {
    return {
      message: {
        accountKeys: message.accountKeys,
        header: message.header,
        instructions: message.instructions.map((each) => encodeCompiled({ ...each, stackHeight: 1 })),
        recentBlockhash: message.recentBlockhash,
        ...lookups,
      },
      signatures,
    };
  }
  const keys = keysOf(record, message);
  return {
    message: {
      accountKeys: [
        ...message.accountKeys.map((pubkey, index) => ({
          pubkey,
          signer: index < message.header.numRequiredSignatures,
          source: 'transaction',
          writable: isWritable(message, index),
        })),
        ...record.loadedWritable.map((pubkey) => ({ pubkey, signer: false, source: 'lookupTable', writable: true })),
        ...record.loadedReadonly.map((pubkey) => ({ pubkey, signer: false, source: 'lookupTable', writable: false })),
      ],
      instructions: message.instructions.map((each) => decodePartially({ ...each, stackHeight: 1 }, keys)),
      recentBlockhash: message.recentBlockhash,
      ...lookups,
    },
    signatures,
  };
}

function keysOf(record: TransactionRecord, message: WireTransaction['message']): readonly string[] {
  return [...message.accountKeys, ...record.loadedWritable, ...record.loadedReadonly];
}

function encodeCompiled({ programIdIndex, accounts, data, stackHeight }: InnerInstruction): unknown {
  return { accounts, data: toBase58(data), programIdIndex, stackHeight };
}

/** The form that `jsonParsed` has for programs whose instructions nobody parses; localnet parses none. */
function decodePartially(instruction: InnerInstruction, keys: readonly string[]): unknown {
  return {
    accounts: instruction.accounts.map((index) => keys[index]),
    data: toBase58(instruction.data),
    programId: keys[instruction.programIdIndex],
    stackHeight: instruction.stackHeight,
  };
}
