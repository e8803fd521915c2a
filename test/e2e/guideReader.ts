import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GuideBlock } from './guideBlocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Somebody who pastes a guide's blocks into shells, one after the other. Disposing of it ends everything that they started. */
export type GuideReader = AsyncDisposable & {
  /** The folder that stands for the reader's clone. */
  readonly folder: string;
  /** Follows one block; gives what it printed. Rejects with that if a command fails or nothing is ready in time. */
  follow(block: GuideBlock): Promise<string>;
};

/** What keeps a reader's market apart from others on this machine, and makes its epochs last half a minute. */
export const quickMarket = { KARMESH_RPC_PORT: '0', KARMESH_GATEWAY_PORT: '0', KARMESH_SLOT_MS: '200' } as const;

const READY_MS = 600_000;
const END_MS = 20_000;
const MARK = 'the block is done';

/**
 * Opens a folder that looks like a fresh clone after its install: all that lies in this one, by links, and nothing that a program has
 * written. `env` is how a test keeps a market of its own beside others: by ports and periods, which every program reads from variables.
 */
export async function openGuideReader({
  env,
  readyMs = READY_MS,
}: {
  readonly env: Readonly<Record<string, string>>;
  /** How long one block may take. */
  readonly readyMs?: number;
}): Promise<GuideReader> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-guide-'));
  const home = await mkdtemp(join(tmpdir(), 'karmesh-guide-home-'));
  for (const path of [folder, home]) stack.defer(() => rm(path, { recursive: true, force: true }));
  for (const name of await readdir(root)) {
    if (!name.startsWith('.')) await symlink(join(root, name), join(folder, name));
  }
  const owned = stack.move();
  const open = (args: readonly string[]): Shell => {
    const shell = openShell(args, { folder, readyMs, env: { ...cleanEnv(), HOME: home, ...env } });
    owned.defer(() => shell.end());
    return shell;
  };
  const first = open(['-e', '-o', 'pipefail', '-s']);
  let blocks = 0;
  /** Blocks are read from files, so that no program takes what follows it for its input. */
  const fileOf = async (text: string): Promise<string> => {
    blocks += 1;
    const path = join(home, `block-${blocks}.sh`);
    await writeFile(path, text);
    return path;
  };
  return {
    folder,
    async follow(block) {
      switch (block.kind) {
        case 'shell': {
          const path = await fileOf(block.text);
          const from = first.text().length;
          first.write(`. ${path} </dev/null\necho '${MARK}' ${blocks}\n`);
          await first.said(`${MARK} ${blocks}`);
          return first.text().slice(from);
        }
        case 'keepsRunning': {
          const shell = open(['-e', await fileOf(block.text)]);
          await shell.said(block.ready);
          return shell.text();
        }
        case 'file':
          await writeFile(join(folder, block.name), block.text);
          return '';
        case 'skipped':
        case 'other':
          return '';
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Without what `npm test` sets: a reader's shell has no npm around it. */
function cleanEnv(): Readonly<Record<string, string | undefined>> {
  const isOurs = (name: string): boolean => /^(npm_|KARMESH_|VITEST|NODE_OPTIONS|INIT_CWD|LONG$)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
}

type Shell = {
  write(text: string): void;
  /** All that it printed, errors among it. */
  text(): string;
  /** Resolves once it printed this. */
  said(text: string): Promise<void>;
  /** Ends it as Ctrl-C does, with all that runs in it. */
  end(): Promise<void>;
};

function openShell(
  args: readonly string[],
  options: {
    readonly folder: string;
    readonly readyMs: number;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Shell {
  const { folder, readyMs, env } = options;
  // A process group of its own, as a terminal gives one, so that Ctrl-C reaches all that the block started.
  const child = spawn('bash', args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const closed = once(child, 'close');
  let printed = '';
  const wakes = new Set<() => void>();
  const keep = (chunk: Buffer): void => {
    printed += chunk.toString('utf8');
    for (const wake of wakes) wake();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.once('close', () => keep(Buffer.alloc(0)));
  return {
    write: (text) => void child.stdin.write(text),
    text: () => printed,
    said: (text) =>
      new Promise((resolve, reject) => {
        const settle = (done: () => void): void => {
          clearTimeout(timer);
          wakes.delete(look);
          done();
        };
        const timer = setTimeout(
          () => settle(() => reject(new Error(`"${text}" was not printed in time, but:\n${printed}`))),
          readyMs,
        );
        const look = (): void => {
          if (printed.includes(text)) settle(resolve);
          else if (hasEnded(child)) settle(() => reject(new Error(`The shell ended before "${text}":\n${printed}`)));
        };
        wakes.add(look);
        look();
      }),
    end: async () => {
      if (hasEnded(child) || child.pid === undefined) return;
      signalGroup(child.pid, 'SIGINT');
      // A shell that reads from a pipe outlives Ctrl-C.
      child.stdin.end();
      const timer = setTimeout(() => child.pid !== undefined && signalGroup(child.pid, 'SIGKILL'), END_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has just ended.
  }
}
