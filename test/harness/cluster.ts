import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Connection } from '@solana/web3.js';

export type ClusterKind = 'localnet' | 'validator';

export type ClusterOptions = {
  /** `localnet` unless told: ours, as a process of its own. `validator`: Agave's solana-test-validator. */
  readonly kind?: ClusterKind;
  /** Milliseconds; 50 unless told. A validator rounds to its ticks of 6.25 ms. */
  readonly slotMs?: number;
  readonly programs?: readonly { readonly id: string; readonly path: string }[];
  /** Kept when the cluster ends; without one a temporary folder is made and removed. */
  readonly dataDir?: string;
  /** localnet's: how much its log may grow before it is restated, in bytes. */
  readonly maxLogBytes?: number;
};

export type Cluster = AsyncDisposable & {
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly kind: ClusterKind;
  /** The process that runs the cluster. */
  readonly pid: number;
  /** Ends the process by SIGKILL, at once, and resolves when it is gone. The folder stays until the cluster is disposed of. */
  kill(): Promise<void>;
};

const root = join(import.meta.dirname, '..', '..');
const localnetMain = join(root, 'programs', 'localnet', 'src', 'main.ts');

/** Agave's solana-test-validator on this machine, from KARMESH_TEST_VALIDATOR or beside the repository, if there is one. */
export function findValidator(): string | undefined {
  const named = process.env.KARMESH_TEST_VALIDATOR;
  const beside = join(root, '..', 'shared', 'bin', 'solana-test-validator');
  return [named, beside].find((path) => path !== undefined && path !== '' && existsSync(path));
}

/** Starts a cluster on free ports of 127.0.0.1 and resolves once it answers. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { kind = 'localnet' } = options;
  await using stack = new AsyncDisposableStack();
  const folder = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'karmesh-cluster-')));
  if (options.dataDir === undefined) stack.defer(() => rm(folder, { recursive: true, force: true }));

  const start = kind === 'localnet' ? startLocalnetProcess : startValidator;
  const { child, rpcUrl, wsUrl } = await start({ ...options, folder, stack });
  const running = stack.move();
  return {
    rpcUrl,
    wsUrl,
    kind,
    pid: child.pid ?? 0,
    kill: () => end(child, 'SIGKILL'),
    [Symbol.asyncDispose]: () => Promise.resolve(running.disposeAsync()),
  };
}

type Start = Pick<ClusterOptions, 'slotMs' | 'programs' | 'maxLogBytes'> & {
  readonly folder: string;
  readonly stack: AsyncDisposableStack;
};
type Started = { readonly child: ChildProcess; readonly rpcUrl: string; readonly wsUrl: string };

async function startLocalnetProcess({
  slotMs = 50,
  programs = [],
  maxLogBytes,
  folder,
  stack,
}: Start): Promise<Started> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      localnetMain,
      '--json',
      '--port=0',
      `--slot-ms=${slotMs}`,
      `--data-dir=${folder}`,
      '--log-level=error',
      ...(maxLogBytes === undefined ? [] : [`--max-log-bytes=${maxLogBytes}`]),
      ...programs.flatMap(({ id, path }) => ['--program', id, path]),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  stack.defer(() => end(child, 'SIGTERM'));
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    once(child, 'exit').then(() => undefined),
  ]);
  if (line === undefined)
    throw new Error(`localnet ended with ${child.exitCode ?? child.signalCode} before it was ready.`);
  const ready = JSON.parse(line) as { rpcUrl: string; wsUrl: string };
  return { child, rpcUrl: ready.rpcUrl, wsUrl: ready.wsUrl };
}

/** A tick of Agave's proof of history in milliseconds (160 a second). */
const tickMs = 6.25;

async function startValidator({ slotMs = 50, programs = [], folder, stack }: Start): Promise<Started> {
  const binary = findValidator();
  if (binary === undefined)
    throw new Error('There is no solana-test-validator; set KARMESH_TEST_VALIDATOR to its path.');
  // Its ports follow one another: RPC, websocket, faucet, gossip, and a range for the rest.
  const rpcPort = await freePorts(48);
  const child = spawn(
    binary,
    [
      ...['--ledger', join(folder, 'ledger'), '--reset', '--quiet', '--bind-address', '127.0.0.1'],
      ...['--rpc-port', `${rpcPort}`, '--faucet-port', `${rpcPort + 2}`, '--gossip-port', `${rpcPort + 3}`],
      ...['--dynamic-port-range', `${rpcPort + 4}-${rpcPort + 48}`],
      ...['--ticks-per-slot', `${Math.max(1, Math.round(slotMs / tickMs))}`],
      ...programs.flatMap(({ id, path }) => ['--bpf-program', id, path]),
    ],
    { stdio: 'ignore' },
  );
  stack.defer(() => end(child, 'SIGTERM'));
  const rpcUrl = `http://127.0.0.1:${rpcPort}`;
  await answers(rpcUrl, child);
  return { child, rpcUrl, wsUrl: `ws://127.0.0.1:${rpcPort + 1}` };
}

/** Polls, since a validator says nowhere that it is ready. It is once its root moves: airdrops then work. */
async function answers(rpcUrl: string, child: ChildProcess): Promise<void> {
  const connection = new Connection(rpcUrl, 'confirmed');
  for (;;) {
    if (child.exitCode !== null) throw new Error(`solana-test-validator ended with ${child.exitCode}.`);
    const slot = await connection.getSlot().catch(() => 0);
    if (slot > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** The first of `count` free neighbouring ports. Another process may still take one before the caller does. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await reserve(0);
    const port = first.port;
    const rest = await Promise.allSettled(Array.from({ length: count - 1 }, (_, index) => reserve(port + 1 + index)));
    const taken = [first, ...rest.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))];
    await Promise.all(taken.map(({ free }) => free()));
    if (taken.length === count) return port;
  }
}

async function reserve(port: number): Promise<{ readonly port: number; free(): Promise<void> }> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
  return {
    port: address.port,
    free: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
