import { type Connection, VersionedTransaction } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import type { Address } from './address.ts';
import { instructionName } from './coder.ts';
import { transactionError } from './programError.ts';
import { rpcRequest } from './rpc.ts';
import { type SendOptions, transactionOf } from './sendTransaction.ts';

/** What a transaction would do if it were sent now. */
export interface SimulatedTransaction {
  /** The program's instructions by name, another program's by its address. */
  readonly instructions: readonly string[];
  /** Who must sign, the payer first. */
  readonly signers: readonly Address[];
  readonly feeLamports: bigint;
  /** What the payer would have less, the fee included. */
  readonly costLamports: bigint;
  readonly computeUnits: number;
}

/**
 * Runs a transaction on the cluster's present state without signing or sending it.
 *
 * @throws KarmeshError `PROGRAM_ERROR` with the numbered name if the program would refuse it, `TRANSACTION_FAILED` if the cluster would,
 * `RPC_UNREACHABLE` and `RPC_FAILED` of the node, `ABORTED`.
 */
export async function simulateTransaction(
  connection: Connection,
  options: Pick<SendOptions, 'instructions' | 'payer' | 'computeUnits' | 'signal'>,
): Promise<SimulatedTransaction> {
  const { signal } = options;
  const payer = options.payer.publicKey;
  const latest = await rpcRequest(connection, 'getLatestBlockhash', { signal }, () =>
    connection.getLatestBlockhash('confirmed'),
  );
  const message = transactionOf(options, latest).compileMessage();
  const [fee, before, simulated] = await Promise.all([
    rpcRequest(connection, 'getFeeForMessage', { signal }, () => connection.getFeeForMessage(message, 'confirmed')),
    rpcRequest(connection, 'getBalance', { signal }, () => connection.getBalance(payer, 'confirmed')),
    rpcRequest(connection, 'simulateTransaction', { signal }, () =>
      connection.simulateTransaction(new VersionedTransaction(message), {
        sigVerify: false,
        commitment: 'confirmed',
        accounts: { encoding: 'base64', addresses: [payer.toBase58()] },
      }),
    ),
  ]);
  const { err, logs, accounts, unitsConsumed } = simulated.value;
  if (err !== null) throw transactionError(err, { signature: undefined, ...(logs === null ? {} : { logs }) });
  const after = accounts?.[0]?.lamports;
  if (fee.value === null || after === undefined) {
    throw new KarmeshError('RPC_FAILED', 'The RPC node does not say what the transaction costs.', {
      node: new URL(connection.rpcEndpoint).origin,
    });
  }
  return {
    instructions: options.instructions.map(({ programId, data }) => instructionName(data) ?? programId.toBase58()),
    signers: message.accountKeys.slice(0, message.header.numRequiredSignatures).map((key) => key.toBytes()),
    feeLamports: BigInt(fee.value),
    costLamports: BigInt(before) - BigInt(after),
    computeUnits: unitsConsumed ?? 0,
  };
}
