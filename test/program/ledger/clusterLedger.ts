import { createProgramClient, PROGRAM_ID, toBase58, toPublicKey, transactionSigner } from '@karmesh/sdk/program';
import { generateKeypair } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { type ClusterKind, startCluster } from '../../harness/cluster.ts';
import type { Ledger } from './ledger.ts';
import { PROGRAM_FILE } from './programFile.ts';

const POLL_MS = 20;
const COMPUTE_UNITS = 200_000;

/** A ledger whose cluster others can speak to. */
export interface ClusterLedger extends Ledger {
  readonly connection: Connection;
}

/** A running cluster behind JSON-RPC, reached with web3.js alone. Slots pass by themselves. */
export async function clusterLedger(options: {
  readonly kind: ClusterKind;
  readonly slotMs: number;
  readonly signal: AbortSignal;
}): Promise<ClusterLedger> {
  const { kind, slotMs, signal } = options;
  await using stack = new AsyncDisposableStack();
  const programs = [{ id: toBase58(PROGRAM_ID), path: PROGRAM_FILE }];
  const cluster = stack.use(await startCluster({ kind, slotMs, programs }));
  const connection = new Connection(cluster.rpcUrl, { commitment: 'confirmed', wsEndpoint: cluster.wsUrl });
  const reader = createProgramClient({ connection, payer: transactionSigner(generateKeypair()) });
  const genesis = await reader.genesisHash({ signal });
  const running = stack.move();

  const until = async (done: () => Promise<boolean>): Promise<void> => {
    while (!(await done())) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  let sent = 0;
  const ledger: ClusterLedger = {
    kind,
    connection,
    genesis,
    async send(instructions, signers) {
      const [payer, ...others] = signers.map(transactionSigner);
      if (payer === undefined) throw new RangeError('A transaction needs a payer.');
      const client = createProgramClient({ connection, payer });
      // Equal transactions of one test must stay distinct, even within one slot.
      const computeUnits = COMPUTE_UNITS + sent++;
      const { signature } = await client.send(instructions, { signers: others, signal, pollMs: POLL_MS, computeUnits });
      const ran = await connection.getTransaction(signature, {
        commitment: 'confirmed',
        maxSupportedTransactionVersion: 0,
      });
      return { logs: ran?.meta?.logMessages ?? [], computeUnits: BigInt(ran?.meta?.computeUnitsConsumed ?? 0) };
    },
    async account(address) {
      const info = await connection.getAccountInfo(toPublicKey(address), 'confirmed');
      return info === null ? undefined : { address, lamports: BigInt(info.lamports), data: info.data };
    },
    slot: async () => BigInt(await connection.getSlot('confirmed')),
    untilSlot: (slot) => until(async () => BigInt(await connection.getSlot('confirmed')) >= slot),
    async fund(address, lamports) {
      const before = await connection.getBalance(toPublicKey(address), 'confirmed');
      await connection.requestAirdrop(toPublicKey(address), Number(lamports));
      await until(async () => (await connection.getBalance(toPublicKey(address), 'confirmed')) > before);
    },
    rent: async (bytes) => BigInt(await connection.getMinimumBalanceForRentExemption(bytes)),
    [Symbol.asyncDispose]: () => Promise.resolve(running.disposeAsync()),
  };
  return ledger;
}
