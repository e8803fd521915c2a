import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requestAirdrop, toBase58, toPublicKey } from '@karmesh/sdk/program';
import { createKeypairFile, type Keypair } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { PROGRAM_FILE } from '../program/ledger/programFile.ts';

const KARMESH = join(import.meta.dirname, '..', '..', 'sdk', 'src', 'cli', 'karmesh.ts');
const FUNDS = 10_000_000_000n;

/** How `karmesh deploy --json` ended. */
export interface Deployed {
  readonly code: number | null;
  /** The line of data, undefined if there is none. */
  readonly data: Record<string, unknown> | undefined;
  /** The code, sentence and facts of the error, undefined if there is none. */
  readonly error:
    | { readonly code: string; readonly sentence: string; readonly facts: Record<string, unknown> }
    | undefined;
}

export interface DeployCall {
  /** The node to speak to; the cluster's unless told. */
  readonly url?: string;
  readonly signal?: AbortSignal;
}

/** An operator with money, a folder and the key of a program of their own. */
export interface Deployer extends AsyncDisposable {
  readonly folder: string;
  readonly payer: Keypair;
  readonly program: Keypair;
  readonly programId: string;
  /** Runs `karmesh deploy` with the parameters of localnet. The signal kills it as `kill -9` does. */
  deploy(args: readonly string[], call?: DeployCall): Promise<Deployed>;
  /** Lamports of the payer. */
  balance(): Promise<bigint>;
  /** Copies the program with `bent` bytes, and the hash of the copy beside it; gives its path. */
  programLike(name: string, bend: (program: Buffer) => Buffer): Promise<string>;
}

export async function openDeployer(rpcUrl: string, { signal }: { readonly signal: AbortSignal }): Promise<Deployer> {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-deployer-'));
  const payer = await createKeypairFile(join(folder, 'payer.json'));
  const program = await createKeypairFile(join(folder, 'program.json'));
  const connection = new Connection(rpcUrl, 'confirmed');
  await requestAirdrop(connection, { address: payer.publicKey, lamports: FUNDS, signal });
  return {
    ...{ folder, payer, program },
    programId: toBase58(program.publicKey),
    balance: async () => BigInt(await connection.getBalance(toPublicKey(payer.publicKey), 'confirmed')),
    deploy: (args, call = {}) => run(['-u', call.url ?? rpcUrl, ...args], { folder, signal: call.signal }),
    async programLike(name, bend) {
      const path = join(folder, name);
      const bytes = bend(await readFile(PROGRAM_FILE));
      await writeFile(path, bytes);
      await writeFile(`${path}.sha256`, `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
      return path;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function run(
  args: readonly string[],
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal | undefined },
): Promise<Deployed> {
  const keys = args.includes('--check') ? [] : ['-k', 'payer.json', '--program-keypair', 'program.json'];
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', KARMESH, 'deploy', '--json', '--preset', 'localnet', ...keys, ...args],
    {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (part: Buffer) => {
    stdout += part.toString();
  });
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      signal?.removeEventListener('abort', kill);
      resolve({
        code,
        data: stdout === '' ? undefined : JSON.parse(stdout),
        error: stderr === '' ? undefined : JSON.parse(stderr).error,
      });
    });
  });
}
