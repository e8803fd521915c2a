import { ComputeBudgetProgram, type Connection, type TransactionInstruction } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import { type Address, type TransactionSigner, toBase58, toPublicKey } from '../program/index.ts';
import { pause, rpcRequest } from '../program/rpc.ts';
import { transactionOf } from '../program/sendTransaction.ts';
import { writeBuffer } from './loader.ts';
import { type Chunk, missingChunks } from './missingChunks.ts';
import { isTransient, patiently } from './patiently.ts';

const PACKET_BYTES = 1_232;
const PLACEHOLDER_BLOCKHASH = '11111111111111111111111111111111';
/** A write takes 2,370, and 150 for each instruction of the budget. */
const WRITE_COMPUTE_UNITS = 5_000;
/** A blockhash is good for some 60 seconds. */
const BLOCKHASH_AGE_MS = 20_000;
const POLL_MS = 400;
/** How many signatures one request may ask for. */
const STATUSES_AT_ONCE = 256;
/** Rounds in which nothing arrives, after which the node or the network is at fault. */
const IDLE_ROUNDS = 4;

export interface WriteOptions {
  readonly payer: TransactionSigner;
  readonly buffer: Address;
  readonly program: Uint8Array;
  /** Transactions in flight at once. */
  readonly parallel: number;
  /** Micro-lamports for a compute unit. */
  readonly priorityFee: number;
  /** How long one round waits for confirmations. */
  readonly roundMs: number;
  /** What the buffer holds now. */
  readonly readBuffer: () => Promise<Uint8Array>;
  readonly onProgress: (done: { readonly chunks: number; readonly of: number }) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes what the buffer lacks. Only the buffer's own bytes say what has arrived: what a node says of a transaction ends a round's wait and no more.
 *
 * @throws KarmeshError `DEPLOY_STALLED` after some rounds in which nothing arrived, `RPC_FAILED` and `RPC_UNREACHABLE` of a node that is not there for long, `ABORTED`.
 */
export async function writeChunks(connection: Connection, options: WriteOptions): Promise<void> {
  const { buffer, program, readBuffer, onProgress } = options;
  const chunkBytes = writeChunkBytes(options.priorityFee);
  const of = Math.ceil(program.length / chunkBytes);
  let missing = missingChunks({ program, written: await readBuffer(), chunkBytes });
  for (let idle = 0; missing.length > 0; ) {
    onProgress({ chunks: of - missing.length, of });
    const signatures = await sendAll(connection, missing, options);
    await untilConfirmed(connection, signatures, options);
    const left = missingChunks({ program, written: await readBuffer(), chunkBytes });
    idle = left.length < missing.length ? 0 : idle + 1;
    missing = left;
    if (idle === IDLE_ROUNDS) {
      throw new KarmeshError('DEPLOY_STALLED', 'Pieces of the program do not arrive in the buffer.', {
        buffer: toBase58(buffer),
        missing: missing.length,
        of,
      });
    }
  }
  onProgress({ chunks: of, of });
}

/** How much of a program fits a transaction. */
export function writeChunkBytes(priorityFee: number): number {
  const key = { publicKey: toPublicKey(new Uint8Array(32).fill(1)), signTransaction: async <T>(t: T) => t };
  const buffer = new Uint8Array(32).fill(2);
  const empty = transactionOf(
    { payer: key, ...writing({ buffer, payer: key, priorityFee }, { offset: 0, bytes: new Uint8Array() }) },
    { blockhash: PLACEHOLDER_BLOCKHASH, lastValidBlockHeight: 0 },
  );
  const bytes = empty.serialize({ requireAllSignatures: false, verifySignatures: false }).length;
  // The length of a full write's data takes two bytes where that of an empty one takes one.
  return PACKET_BYTES - bytes - 1;
}

function writing(
  { buffer, payer, priorityFee }: Pick<WriteOptions, 'buffer' | 'payer' | 'priorityFee'>,
  { offset, bytes }: Chunk,
): { readonly instructions: readonly TransactionInstruction[]; readonly computeUnits?: number } {
  const write = writeBuffer({ buffer, authority: payer.publicKey.toBytes(), offset, bytes });
  if (priorityFee === 0) return { instructions: [write] };
  return {
    instructions: [ComputeBudgetProgram.setComputeUnitPrice({ microLamports: priorityFee }), write],
    computeUnits: WRITE_COMPUTE_UNITS,
  };
}

/** Lamports that a write pays for priority. */
export function writePriority(priorityFee: number): bigint {
  return (BigInt(priorityFee) * BigInt(WRITE_COMPUTE_UNITS) + 999_999n) / 1_000_000n;
}

/** Sends each chunk once, `parallel` at a time, and gives the signatures. One that the node refused is left to the next round. */
async function sendAll(
  connection: Connection,
  chunks: readonly Chunk[],
  options: WriteOptions,
): Promise<readonly string[]> {
  const { payer, parallel, signal } = options;
  const signatures: string[] = [];
  const queue = [...chunks];
  let latest: Promise<Awaited<ReturnType<Connection['getLatestBlockhash']>>> | undefined;
  let fetchedAt = 0;
  const blockhash = () => {
    const now = performance.now();
    if (latest === undefined || now - fetchedAt > BLOCKHASH_AGE_MS) {
      fetchedAt = now;
      latest = patiently({ signal }, () =>
        rpcRequest(connection, 'getLatestBlockhash', { signal }, () => connection.getLatestBlockhash('confirmed')),
      );
    }
    return latest;
  };
  const sendQueued = async (): Promise<void> => {
    for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
      const transaction = transactionOf({ payer, ...writing(options, chunk) }, await blockhash());
      await payer.signTransaction(transaction);
      const raw = transaction.serialize();
      await patiently({ signal }, () =>
        rpcRequest(connection, 'sendTransaction', { signal }, () =>
          connection.sendRawTransaction(raw, { skipPreflight: true, maxRetries: 3 }),
        ),
      );
      signatures.push(toBase58(transaction.signature ?? new Uint8Array(64)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, chunks.length) }, sendQueued));
  return signatures;
}

/** Waits until the node knows all signatures as confirmed, or for `roundMs`. */
async function untilConfirmed(
  connection: Connection,
  signatures: readonly string[],
  { signal, roundMs }: WriteOptions,
): Promise<void> {
  const deadline = performance.now() + roundMs;
  let open = [...signatures];
  while (open.length > 0 && performance.now() < deadline) {
    await pause(POLL_MS, signal);
    const asked = open.slice(0, STATUSES_AT_ONCE);
    try {
      const { value } = await rpcRequest(connection, 'getSignatureStatuses', { signal }, () =>
        connection.getSignatureStatuses(asked),
      );
      const settled = new Set(
        asked.filter((_, i) => {
          const status = value[i];
          return (
            status?.err || status?.confirmationStatus === 'confirmed' || status?.confirmationStatus === 'finalized'
          );
        }),
      );
      open = open.filter((signature) => !settled.has(signature));
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
  }
}
