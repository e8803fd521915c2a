import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKeypairFile, type Keypair, loadKeypair } from '@karmesh/sdk/runtime';

/** How many of each `up` runs. Five workers, so that a liar and a silent one still leave three, and three more on the exact engine. */
const WORKERS = 5;
export const EXACT_WORKERS = 3;
const VALIDATORS = 4;

/** What a worker runs its model on. */
export type WorkerEngine = 'llama' | 'exact';

/** One participant's files. */
export interface Member {
  readonly name: string;
  readonly role: 'worker' | 'validator' | 'gateway';
  /** A worker's; `llama` for all others. */
  readonly engine: WorkerEngine;
  readonly owner: Keypair;
  readonly identity: Keypair;
  readonly ownerFile: string;
  readonly identityFile: string;
  readonly dataDir: string;
  readonly logFile: string;
}

/** Everything of one market on disk. */
export interface MarketFolder {
  readonly path: string;
  /** Pays for the set-up, and is the buyer whose escrow the gateway spends. */
  readonly treasury: Keypair;
  readonly ledgerDir: string;
  readonly ledgerLog: string;
  readonly gateway: Member;
  readonly workers: readonly Member[];
  readonly validators: readonly Member[];
}

const NOTE = `These keypairs were made by "karmesh up" for a local development cluster. They are not secrets worth keeping and must
not be used on any other cluster.
`;

/** Opens the folder, making what is missing: keypairs (mode 0600, for development only), data and log folders. */
export async function openMarketFolder(
  path: string,
  {
    workers = WORKERS,
    exactWorkers = 0,
    validators = VALIDATORS,
  }: { readonly workers?: number; readonly exactWorkers?: number; readonly validators?: number } = {},
): Promise<MarketFolder> {
  const keys = join(path, 'dev-keys');
  const logs = join(path, 'logs');
  for (const folder of [path, keys, logs]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(keys, 'README.txt'), NOTE);
  const keypair = async (file: string): Promise<Keypair> => {
    try {
      return await loadKeypair(file);
    } catch (cause) {
      if (!(cause instanceof Error) || !isMissing(cause)) throw cause;
      return createKeypairFile(file);
    }
  };
  const member = async (role: Member['role'], name: string, engine: WorkerEngine = 'llama'): Promise<Member> => {
    const ownerFile = join(keys, `${name}-owner.json`);
    const identityFile = join(keys, `${name}-identity.json`);
    return {
      name: name.replaceAll('-', ' '),
      role,
      engine,
      owner: await keypair(ownerFile),
      identity: await keypair(identityFile),
      ownerFile,
      identityFile,
      dataDir: join(path, name),
      logFile: join(logs, `${name}.log`),
    };
  };
  const several = (role: Member['role'], count: number, engine: WorkerEngine = 'llama'): Promise<readonly Member[]> => {
    const name = engine === 'exact' ? `exact-${role}` : role;
    return Promise.all(Array.from({ length: count }, (_, i) => member(role, `${name}-${i + 1}`, engine)));
  };
  return {
    path,
    treasury: await keypair(join(keys, 'treasury.json')),
    ledgerDir: join(path, 'ledger'),
    ledgerLog: join(logs, 'localnet.log'),
    gateway: await member('gateway', 'gateway'),
    workers: [...(await several('worker', workers)), ...(await several('worker', exactWorkers, 'exact'))],
    validators: await several('validator', validators),
  };
}

function isMissing(error: Error): boolean {
  return (
    'facts' in error &&
    typeof error.facts === 'object' &&
    error.facts !== null &&
    'errno' in error.facts &&
    error.facts.errno === 'ENOENT'
  );
}
