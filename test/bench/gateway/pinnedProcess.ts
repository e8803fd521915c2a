import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Whether processes can be kept to one processor here: that is Linux's. */
export const canPin = process.platform === 'linux' && cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0;
/** What is measured has the first processor to itself, as far as this bench goes; all else shares the second. */
export const MEASURED = 0;
export const OTHERS = 1;

export type PinnedProcess = AsyncDisposable & {
  readonly pid: number;
  readonly child: ChildProcess;
  /** As `cpuMsOf`. */
  cpuMs(): Promise<number>;
  /** Sends a message and resolves with the next one that comes. */
  ask(message: object): Promise<unknown>;
};

/** Clock ticks a second in /proc, which every Linux has. */
const TICKS_PER_SECOND = 100;
const GRACE_MS = 5_000;

/** Keeps this process, and all that it starts from here on and does not keep elsewhere, to one processor. */
export function pinSelf(processor: number): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', String(processor), String(process.pid)]);
}

/** Starts a program on one processor; what it prints goes to `logFile`. */
export function startPinned(options: {
  readonly command: readonly string[];
  readonly processor: number;
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly ipc?: boolean;
}): PinnedProcess {
  const pin = canPin ? ['taskset', '-c', String(options.processor)] : [];
  const [program = '', ...args] = [...pin, ...options.command];
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(program, args, {
    stdio: ['ignore', log, log, ...(options.ipc === false ? [] : (['ipc'] as const))],
    env: { ...process.env, ...options.env },
  });
  closeSync(log);
  const pid = child.pid ?? 0;
  return {
    pid,
    child,
    cpuMs: () => cpuMsOf(pid),
    async ask(message) {
      const answered = once(child, 'message');
      child.send(message);
      const [answer] = await answered;
      return answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill();
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Processor time so far of a process and all that descend from it, in milliseconds; NaN where that cannot be read. */
export async function cpuMsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.split(' ') ?? [];
  // proc(5): user and system time, its own and that of children that have ended.
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map((child) => cpuMsOf(Number(child))),
  );
  // A child may end between two reads.
  return below.reduce((sum, ms) => sum + (Number.isNaN(ms) ? 0 : ms), (1_000 * ticks) / TICKS_PER_SECOND);
}

/** Starts a program of this folder and resolves with its first message. Throws if it ends before. */
export async function startProgram<Ready>(
  stack: AsyncDisposableStack,
  options: {
    readonly name: string;
    readonly args?: readonly string[];
    readonly processor: number;
    readonly logFile: string;
  },
): Promise<{ readonly process: PinnedProcess; readonly ready: Ready }> {
  const { args = [], logFile, name, processor } = options;
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const command = [process.execPath, '--expose-gc', '--disable-warning=ExperimentalWarning', file, ...args];
  const started = stack.use(startPinned({ command, processor, logFile }));
  const ended = once(started.child, 'exit').then(async () => {
    throw new Error(`${name} ended: ${(await readFile(logFile, 'utf8')).slice(-1_000)}`);
  });
  ended.catch(() => {});
  const [ready] = await Promise.race([once(started.child, 'message'), ended]);
  return { process: started, ready: ready as Ready };
}
