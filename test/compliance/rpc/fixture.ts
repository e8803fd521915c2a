import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection, Keypair, PublicKey, type TransactionInstruction } from '@solana/web3.js';
import { type Cluster, type ClusterKind, startCluster } from '../../harness/cluster.ts';
import { type RpcAnswer, rpcCall } from './rpcCall.ts';
import { fundedWallet, type Signed, signed } from './wallet.ts';

const memoProgram = new PublicKey('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr');
export const sendOptions = { encoding: 'base64', preflightCommitment: 'confirmed' };
export const confirmed = { encoding: 'base64', commitment: 'confirmed' };

/** Fields of a failed simulation that hold nothing, which both clusters must show. */
export const emptySimulation = {
  accounts: null,
  innerInstructions: null,
  loadedAddresses: null,
  postBalances: null,
  postTokenBalances: null,
  preBalances: null,
  preTokenBalances: null,
  replacementBlockhash: null,
  returnData: null,
};

/** A running cluster and what the tests of the contract do with it. */
export type Fixture = AsyncDisposable & {
  readonly cluster: Cluster;
  readonly connection: Connection;
  readonly payer: Keypair;
  /** SPL Memo under an address of its own, there from the first slot. */
  readonly loadedProgram: PublicKey;
  call(method: string, ...params: readonly unknown[]): Promise<RpcAnswer>;
  /** The error of `sendTransaction`, without the size of what was loaded, which localnet does not tell. */
  simulationError(
    base64: string,
  ): Promise<{ readonly code?: number; readonly message?: string; readonly data: Readonly<Record<string, unknown>> }>;
  make(...instructions: readonly TransactionInstruction[]): Promise<Signed>;
};

export async function startFixture(kind: ClusterKind): Promise<Fixture> {
  await using stack = new AsyncDisposableStack();
  const programFolder = await mkdtemp(join(tmpdir(), 'karmesh-rpc-'));
  stack.defer(() => rm(programFolder, { recursive: true, force: true }));
  const loadedProgram = Keypair.generate().publicKey;
  const path = join(programFolder, 'memo.so');
  await writeFile(path, await memoElf());
  const cluster = stack.use(await startCluster({ kind, programs: [{ id: loadedProgram.toBase58(), path }] }));
  const connection = new Connection(cluster.rpcUrl, { commitment: 'confirmed', wsEndpoint: cluster.wsUrl });
  const payer = await fundedWallet(connection, 50_000_000_000);
  const call: Fixture['call'] = (method, ...params) => rpcCall(cluster.rpcUrl, method, params);
  const running = stack.move();
  return {
    cluster,
    connection,
    payer,
    loadedProgram,
    call,
    simulationError: async (base64) => {
      const { error } = await call('sendTransaction', base64, sendOptions);
      const { loadedAccountsDataSize: _, ...data } = (error?.data ?? {}) as Record<string, unknown>;
      return { ...error, data };
    },
    make: (...instructions) => signed({ connection, payer, instructions }),
    [Symbol.asyncDispose]: () => Promise.resolve(running.disposeAsync()),
  };
}

/** SPL Memo's ELF, from the cluster that LiteSVM brings. */
async function memoElf(): Promise<Uint8Array> {
  await using source = await startCluster({ kind: 'localnet' });
  const account = await new Connection(source.rpcUrl).getAccountInfo(memoProgram);
  return account?.data ?? Buffer.alloc(0);
}
