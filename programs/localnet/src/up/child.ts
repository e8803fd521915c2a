import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { close, openSync, write } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { KarmeshError } from '@karmesh/sdk/errors';

export interface ChildOptions {
  /** What people call it, `worker 3`. */
  readonly name: string;
  /** The program's file and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  /** Where its log goes; appended to. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program that `up` started and ends. */
export interface Child extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** The first line of JSON that it printed: it is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Resolves when it ended, with what it ended by. */
  readonly ended: Promise<string>;
}

/** How long a program may take to end by itself before it is killed, in milliseconds. */
const GRACE_MS = 8000;

/**
 * Starts a program with the Node that runs this one, and waits for its first line of JSON on stdout. Its stderr, and what it
 * prints later, goes to its log. Throws `PROGRAM_ENDED` with the end of the log if it ends before that line, `ABORTED` on the signal.
 */
export async function startChild(options: ChildOptions, { signal }: { readonly signal: AbortSignal }): Promise<Child> {
  signal.throwIfAborted();
  const log = openLog(options.logFile);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', options.script, ...options.args], {
    // The channel carries nothing: it ends with this process, and then the child ends too, even after a kill -9.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...options.env },
    // Its own process group: a Ctrl-C in the terminal reaches `up` alone, which ends its children in order.
    detached: true,
  });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null)
    throw new KarmeshError('PROGRAM_ENDED', 'A program was started without its outputs.');
  const recent: string[] = [];
  stderr.pipe(log, { end: false });
  createInterface({ input: stderr }).on('line', (line) => {
    recent.push(line);
    if (recent.length > 5) recent.shift();
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, killedBy) => resolve(killedBy === null ? `exit code ${code}` : killedBy));
  });
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await ended;
      clearTimeout(timer);
    }
    log.end();
  };
  const lines = createInterface({ input: stdout });
  const firstJson = new Promise<Readonly<Record<string, unknown>>>((resolve) => {
    lines.on('line', (line) => {
      log.write(`${line}\n`);
      if (line.startsWith('{')) {
        try {
          resolve(JSON.parse(line));
        } catch {
          // Not the line that is waited for; it stands in the log.
        }
      }
    });
  });
  const aborted = once(signal, 'abort').then(() => 'aborted' as const);
  const first = await Promise.race([firstJson, ended, aborted]);
  if (first === 'aborted') {
    await end();
    throw new KarmeshError('ABORTED', 'The start was cancelled.', { program: options.name });
  }
  if (typeof first === 'string') {
    log.end();
    throw new KarmeshError('PROGRAM_ENDED', `The ${options.name} ended before it was ready.`, {
      endedBy: first,
      log: options.logFile,
      last: recent.join(' | ').slice(-600),
    });
  }
  if (child.pid === undefined)
    throw new KarmeshError('PROGRAM_ENDED', 'A started program has no process id.', { program: options.name });
  return { name: options.name, pid: child.pid, ready: first, ended, [Symbol.asyncDispose]: end };
}

/** Appends to a log as long as there is room for it: a full disk costs lines, and ends neither this process nor its children. */
function openLog(path: string): Writable {
  const file = openSync(path, 'a', 0o600);
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => write(file, chunk, () => done()),
    final: (done) => close(file, () => done()),
  });
}
