import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export type StartedProcess<Ready> = {
  readonly child: ChildProcess;
  readonly ready: Ready;
  /** Ends it by a signal and resolves with how it ended: its exit code, or the signal's name. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null>;
};

/** Starts a program of this folder and resolves with its first message; what it prints goes to `logFile`. Throws if it ends before. */
export async function startProcess<Ready>(options: {
  readonly name: string;
  readonly args: readonly string[];
  readonly logFile: string;
}): Promise<StartedProcess<Ready>> {
  const { args, logFile, name } = options;
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], {
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const ended = exited.then(async ([code, signal]) => {
    const said = (await readFile(logFile, 'utf8')).slice(-2_000);
    throw new Error(`${name} ended with ${code ?? signal}: ${said}`);
  });
  ended.catch(() => {});
  const [ready] = await Promise.race([once(child, 'message'), ended]);
  return {
    child,
    ready: ready as Ready,
    async end(signal) {
      child.kill(signal);
      const [code, by] = await exited;
      return code ?? by;
    },
  };
}
