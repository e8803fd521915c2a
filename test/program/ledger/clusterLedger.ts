import { PROGRAM_ID, toBase58, toPublicKey } from '@karmesh/sdk/program';
import { Connection } from '@solana/web3.js';
import { type ClusterKind, startCluster } from '../../harness/cluster.ts';
import { type ConnectedLedger, connectedLedger, until } from './connectedLedger.ts';
import { PROGRAM_FILE } from './programFile.ts';

const POLL_MS = 20;

/** A cluster of its own behind JSON-RPC, with the program there from its first slot. */
export async function clusterLedger(options: {
  readonly kind: ClusterKind;
  readonly slotMs: number;
  readonly signal: AbortSignal;
}): Promise<ConnectedLedger> {
  const { kind, slotMs, signal } = options;
  await using stack = new AsyncDisposableStack();
  const programs = [{ id: toBase58(PROGRAM_ID), path: PROGRAM_FILE }];
  const cluster = stack.use(await startCluster({ kind, slotMs, programs }));
  const connection = new Connection(cluster.rpcUrl, { commitment: 'confirmed', wsEndpoint: cluster.wsUrl });
  const ledger = await connectedLedger({
    ...{ kind, connection, programId: PROGRAM_ID, pollMs: POLL_MS, signal },
    async fund(address, lamports) {
      const before = await connection.getBalance(toPublicKey(address), 'confirmed');
      await connection.requestAirdrop(toPublicKey(address), Number(lamports));
      const arrived = async () => (await connection.getBalance(toPublicKey(address), 'confirmed')) > before;
      await until(arrived, { pollMs: POLL_MS, signal });
    },
  });
  const running = stack.move();
  return { ...ledger, [Symbol.asyncDispose]: () => Promise.resolve(running.disposeAsync()) };
}
