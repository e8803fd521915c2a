import type { Connection } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';
import { transactionError } from './programError.ts';
import { toPublicKey } from './publicKey.ts';
import { pause, rpcRequest } from './rpc.ts';

const TIMEOUT_MS = 60_000;
const POLL_MS = 200;

/**
 * Asks a test cluster's faucet for lamports, waits until they are there and gives the transaction's signature in base58.
 *
 * @throws KarmeshError `RPC_FAILED` when the node gives none, `RPC_UNREACHABLE`, `TRANSACTION_FAILED`, `ABORTED`.
 */
export async function requestAirdrop(
  connection: Connection,
  options: { readonly address: Uint8Array; readonly lamports: bigint; readonly signal: AbortSignal },
): Promise<string> {
  const { address, lamports, signal } = options;
  const signature = await rpcRequest(connection, 'requestAirdrop', { signal }, () =>
    connection.requestAirdrop(toPublicKey(address), Number(lamports)),
  );
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const { value } = await rpcRequest(connection, 'getSignatureStatuses', { signal }, () =>
      connection.getSignatureStatuses([signature]),
    );
    const [status] = value;
    if (status?.err) throw transactionError(status.err, { signature });
    if (status?.confirmationStatus === 'confirmed' || status?.confirmationStatus === 'finalized') return signature;
    if (performance.now() > deadline) {
      const facts = { signature, waitedMs: TIMEOUT_MS };
      throw new KarmeshError('TRANSACTION_FAILED', 'The transaction was not confirmed in time.', facts);
    }
    await pause(POLL_MS, signal);
  }
}
