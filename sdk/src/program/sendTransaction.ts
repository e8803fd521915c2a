import {
  type BlockhashWithExpiryBlockHeight,
  ComputeBudgetProgram,
  type Connection,
  SendTransactionError,
  Transaction,
  type TransactionInstruction,
} from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import { toBase58 } from './address.ts';
import { transactionError } from './programError.ts';
import { pause, rpcRequest } from './rpc.ts';
import type { TransactionSigner } from './transactionSigner.ts';

export interface SendOptions {
  readonly instructions: readonly TransactionInstruction[];
  /** Pays the fee and signs. */
  readonly payer: TransactionSigner;
  /** Everybody else who signs. */
  readonly signers?: readonly TransactionSigner[];
  readonly signal: AbortSignal;
  /** How long to wait for confirmation, in milliseconds. 60,000 unless told. */
  readonly timeoutMs?: number;
  /** How often to look, in milliseconds. 200 unless told. */
  readonly pollMs?: number;
  /** The transaction's limit of compute units, if the default of 200,000 per instruction is wrong. */
  readonly computeUnits?: number;
}

export interface SentTransaction {
  /** Base58; what an explorer shows. */
  readonly signature: string;
  /** The slot in which the cluster ran it. */
  readonly slot: bigint;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_POLL_MS = 200;
/** A node may lose a transaction; the same bytes sent again run at most once. */
const RESEND_EVERY_POLLS = 15;

/**
 * Sends a transaction and waits until the cluster has confirmed it, by asking and without a websocket.
 *
 * @throws KarmeshError `PROGRAM_ERROR` with the numbered name if the program refused it, `TRANSACTION_FAILED` if the cluster did or it
 * expired, `RPC_UNREACHABLE` and `RPC_FAILED` of the node, `ABORTED`.
 */
export async function sendTransaction(connection: Connection, options: SendOptions): Promise<SentTransaction> {
  const { signal } = options;
  const latest = await rpcRequest(connection, 'getLatestBlockhash', { signal }, () =>
    connection.getLatestBlockhash('confirmed'),
  );
  const transaction = transactionOf(options, latest);
  const signers = new Map([options.payer, ...(options.signers ?? [])].map((s) => [s.publicKey.toBase58(), s]));
  for (const signer of signers.values()) await signer.signTransaction(transaction);
  const raw = transaction.serialize();
  const signature = toBase58(transaction.signature ?? new Uint8Array(64));

  await submit(connection, { raw, signature, signal });
  const deadline = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  for (let polls = 1; ; polls++) {
    const { value } = await rpcRequest(connection, 'getSignatureStatuses', { signal }, () =>
      connection.getSignatureStatuses([signature]),
    );
    const status = value[0];
    if (status !== null && status !== undefined) {
      if (status.err !== null) throw transactionError(status.err, { signature });
      if (status.confirmationStatus === 'confirmed' || status.confirmationStatus === 'finalized') {
        return { signature, slot: BigInt(status.slot) };
      }
    }
    if (performance.now() > deadline) {
      throw new KarmeshError('TRANSACTION_FAILED', 'The transaction was not confirmed in time.', {
        signature,
        waitedMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      });
    }
    if (polls % RESEND_EVERY_POLLS === 0 && (status === null || status === undefined)) {
      await resendOrExpire(connection, { raw, signature, signal, lastValidBlockHeight: latest.lastValidBlockHeight });
    }
    await pause(options.pollMs ?? DEFAULT_POLL_MS, signal);
  }
}

/** The transaction of these instructions, not yet signed. */
export function transactionOf(
  options: Pick<SendOptions, 'instructions' | 'payer' | 'computeUnits'>,
  latest: BlockhashWithExpiryBlockHeight,
): Transaction {
  const transaction = new Transaction({ feePayer: options.payer.publicKey, ...latest });
  if (options.computeUnits !== undefined) {
    transaction.add(ComputeBudgetProgram.setComputeUnitLimit({ units: options.computeUnits }));
  }
  return transaction.add(...options.instructions);
}

async function submit(
  connection: Connection,
  { raw, signature, signal }: { readonly raw: Buffer; readonly signature: string; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await rpcRequest(connection, 'sendTransaction', { signal }, () =>
      connection.sendRawTransaction(raw, { preflightCommitment: 'confirmed', maxRetries: 3 }),
    );
  } catch (error) {
    throw preflightError(error, signature);
  }
}

/** The numbered error behind a refused preflight, which web3.js gives as text and logs. */
function preflightError(error: unknown, signature: string): unknown {
  const cause = error instanceof KarmeshError ? error.cause : error;
  if (!(cause instanceof SendTransactionError)) return error;
  const { message, logs } = cause.transactionError;
  const match = /Error processing Instruction (\d+): custom program error: 0x([0-9a-f]+)/i.exec(message);
  const fault =
    match === null
      ? message
      : { InstructionError: [Number(match[1]), { Custom: Number.parseInt(match[2] ?? '', 16) }] };
  return transactionError(fault, { signature, cause, ...(logs === undefined ? {} : { logs }) });
}

async function resendOrExpire(
  connection: Connection,
  sent: {
    readonly raw: Buffer;
    readonly signature: string;
    readonly signal: AbortSignal;
    readonly lastValidBlockHeight: number;
  },
): Promise<void> {
  const { signal, signature } = sent;
  const height = await rpcRequest(connection, 'getBlockHeight', { signal }, () =>
    connection.getBlockHeight('confirmed'),
  );
  if (height > sent.lastValidBlockHeight) {
    throw new KarmeshError('TRANSACTION_FAILED', 'The transaction expired before the cluster ran it.', {
      signature,
      height,
      lastValidBlockHeight: sent.lastValidBlockHeight,
    });
  }
  await rpcRequest(connection, 'sendTransaction', { signal }, () =>
    connection.sendRawTransaction(sent.raw, { skipPreflight: true, maxRetries: 3 }),
  );
}
