import { KarmeshError } from '../errors.ts';
import { toHex } from '../protocol/bytes.ts';

/** What a command ends with. `failed`: expected, a person can act on it. `usage`: the command line or config is wrong. `bug`: ours. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, bug: 70 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A stream that text goes to, with whether it is a terminal. */
export type TextSink = { write(text: string): unknown; readonly isTTY?: boolean | undefined };

export type OutputOptions = {
  /** Data as one line of JSON instead of text. */
  readonly json?: boolean;
  /** Whether errors and progress may be coloured; not when `NO_COLOR` is set (https://no-color.org). */
  readonly color?: boolean;
};

export type OutputParts = { readonly stdout?: TextSink; readonly stderr?: TextSink };

export type Output = {
  readonly json: boolean;
  /** The command's result, on stdout: one line of JSON under `--json`, else what `render` makes of it. */
  data<T>(value: T, render: (value: T) => string): void;
  /** A sentence for the person who watches, on stderr; silent under `--json`. */
  talk(sentence: string): void;
  /** A line on stderr that replaces the one before; nothing unless stderr is a terminal and `--json` is off. */
  progress(line: string): void;
  /** Shows an error on stderr and says what to exit with. */
  fail(error: unknown): ExitCode;
};

/** How every command speaks: stdout holds data and nothing else, so that it can be piped. */
export const output =
  ({ json = false, color = true }: OutputOptions = {}) =>
  ({ stdout = process.stdout, stderr = process.stderr }: OutputParts = {}): Output => {
    const red =
      color && stderr.isTTY === true ? (text: string) => `\u001b[31m${text}\u001b[39m` : (text: string) => text;
    const moving = stderr.isTTY === true && !json;
    let lineOpen = false;
    const toStderr = (text: string): void => {
      stderr.write(lineOpen ? `\r\u001b[K${text}` : text);
      lineOpen = false;
    };
    return {
      json,
      data: (value, render) => {
        stdout.write(`${json ? toJson(value) : render(value)}\n`);
      },
      talk: (sentence) => {
        if (!json) toStderr(`${sentence}\n`);
      },
      progress: (line) => {
        if (!moving) return;
        toStderr(line);
        lineOpen = true;
      },
      fail: (error) => {
        const exit = exitCodeOf(error);
        if (json) toStderr(`${toJson({ error: errorValue(error) })}\n`);
        else toStderr(`${describeError(error, red)}\n`);
        return exit;
      },
    };
  };

/** 1 for an expected failure, 2 for a wrong command line or config, 70 for anything that is not a `KarmeshError`. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof KarmeshError)) return exitCodes.bug;
  return error.code === 'CONFIG_INVALID' ? exitCodes.usage : exitCodes.failed;
}

/** JSON in one line, with amounts (`bigint`) as decimal strings and bytes as lower-case hex. */
export function toJson(value: unknown): string {
  // A Buffer has become an object of numbers before a replacer sees it, so the value is taken from its holder.
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key: string) {
    const each = this[key];
    if (typeof each === 'bigint') return each.toString();
    return each instanceof Uint8Array ? toHex(each) : each;
  });
}

function describeError(error: unknown, red: (text: string) => string): string {
  if (!(error instanceof KarmeshError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${red('✖')} This is a bug in Karmesh. Please report it with the lines below.\n${stack}`;
  }
  const facts = Object.entries(error.facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${value}`);
  return [`${red('✖')} ${error.message}`, ...facts, `  See ${error.docs}`].join('\n');
}

function errorValue(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof KarmeshError) {
    return { code: error.code, sentence: error.message, facts: error.facts, docs: error.docs };
  }
  return {
    code: 'BUG',
    sentence: error instanceof Error ? error.message : String(error),
    stack: error instanceof Error ? error.stack : undefined,
  };
}
