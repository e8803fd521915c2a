import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CircuitsError } from '../errors.ts';
import { loadSnarkjs } from '../prove/snarkjsProver.ts';

/** What snarkjs has for both phases of a ceremony; its published types say less. Files are paths. */
interface Phases {
  readonly curves: { getCurveFromName(name: string): Promise<unknown> };
  readonly powersOfTau: Steps & {
    newAccumulator(curve: unknown, power: number, to: string, logger: Logger): Promise<unknown>;
    preparePhase2(from: string, to: string, logger: Logger): Promise<unknown>;
  };
  readonly zKey: Steps & { newZKey(constraints: string, powers: string, to: string, logger: Logger): Promise<unknown> };
}

interface Steps {
  contribute(from: string, to: string, name: string, entropy: string, logger: Logger): Promise<unknown>;
  beacon(
    from: string,
    to: string,
    name: string,
    beacon: string,
    iterationsExponent: number,
    logger: Logger,
  ): Promise<unknown>;
}

type Logger = Readonly<Record<'error' | 'warn' | 'info' | 'debug', (line: string) => void>>;

/** Runs one step of snarkjs. It returns -1 or false, and tells its logger why, where others throw. Throws `FILE_INVALID` with what it said. */
export async function snarkjsStep(step: (phases: Phases, logger: Logger) => Promise<unknown>): Promise<unknown> {
  const said: string[] = [];
  const ignore = (): void => {};
  const logger = { error: (line: string) => void said.push(line), warn: ignore, info: ignore, debug: ignore };
  const refuse = (cause?: unknown): never => {
    const words = said.join(' ') || (cause instanceof Error ? cause.message : '');
    throw new CircuitsError('FILE_INVALID', 'snarkjs does not take the file.', { said: words }, cause);
  };
  const phases = (await loadSnarkjs()) as unknown as Phases;
  const result = await step(phases, logger).catch(refuse);
  return result === -1 || result === false ? refuse() : result;
}

/**
 * Whether snarkjs accepts, and its last words. In a process of its own, since some of them it says on the standard output. Rejects if the signal aborts it.
 */
export async function snarkjsVerdict(
  args: readonly string[],
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly accepts: boolean; readonly said: string }> {
  const program = join(dirname(createRequire(import.meta.url).resolve('snarkjs')), 'cli.cjs');
  const options = { maxBuffer: 1 << 26, ...(signal === undefined ? {} : { signal }) };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], options);
    return { accepts: true, said: lastWords(stdout) };
  } catch (error) {
    signal?.throwIfAborted();
    const { stdout = '', code } = error as { readonly stdout?: string; readonly code?: unknown };
    // Anything but its own exit means that it did not come to a verdict.
    if (typeof code !== 'number') throw error;
    return { accepts: false, said: lastWords(stdout) };
  }
}

/** The last line that is not empty, without colours and the logger's name. */
function lastWords(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape is a control character.
  const lines = text.replaceAll(/\u001b\[[0-9;]*m/g, '').split('\n');
  return (lines.findLast((line) => line.trim() !== '') ?? '').replace(/^\[\w+\]\s+snarkJS:\s*/, '').trim();
}
