import { once } from 'node:events';
import { createInterface, type Interface as Reader } from 'node:readline/promises';
import { KarmeshError } from '../errors.ts';

/** A terminal with a person at it: what they type, and where they read beside a command's data. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** One setting to ask for. */
export interface SettingQuestion {
  /** What names it on the command line, `--owner`. */
  readonly flag: string;
  readonly description: string;
  /** What an empty answer stands for; undefined where it is refused. */
  readonly fallback: string | undefined;
  /** What is wrong with an answer, or undefined. */
  fault(answer: string): string | undefined;
}

export interface Interview extends Disposable {
  /** Asks until the answer has no fault; an empty one takes the fallback. Throws `ABORTED` when the person leaves. */
  ask(question: SettingQuestion): Promise<string>;
  say(line: string): void;
}

/** This process's terminal, unless a pipe or `--json` says that no person is there to ask. */
export function terminalOf(argv: readonly string[]): Terminal | undefined {
  const { stdin, stderr } = process;
  return stdin.isTTY && stderr.isTTY && !argv.includes('--json') ? { input: stdin, output: stderr } : undefined;
}

function cancelled(cause?: unknown): never {
  throw new KarmeshError('ABORTED', 'Cancelled.', {}, cause);
}

/** Asks at a terminal, one question after another, until it is disposed. */
export function openInterview({ input, output }: Terminal): Interview {
  // Reading begins with the first question, since most commands have none.
  let opened: { readonly reader: Reader; readonly left: Promise<never> } | undefined;
  const open = (): NonNullable<typeof opened> => {
    const reader = createInterface({ input, output });
    const left = once(reader, 'close').then((): never => cancelled());
    // It also closes when nobody is asked any more.
    left.catch(() => {});
    return { reader, left };
  };
  const say = (line: string): void => void output.write(`${line}\n`);
  return {
    say,
    async ask({ flag, description, fallback, fault }) {
      opened ??= open();
      const { reader, left } = opened;
      for (;;) {
        const hint = fallback === undefined ? '' : ` [${fallback}]`;
        // Ctrl-C rejects the question, the end of the input only closes the reader.
        const asked = reader.question(`${description} (${flag})${hint}: `).catch(cancelled);
        const answer = (await Promise.race([asked, left])).trim();
        if (answer === '' && fallback !== undefined) return '';
        const wrong = answer === '' ? 'is required' : fault(answer);
        if (wrong === undefined) return answer;
        say(`  ${flag}: ${wrong}`);
      }
    },
    [Symbol.dispose]: () => opened?.reader.close(),
  };
}
