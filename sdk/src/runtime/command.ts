import { KarmeshError } from '../errors.ts';
import { nearestName } from '../nearestName.ts';
import { type ConfigSchema, type ReadConfigOptions, type ReadConfigResult, readConfig } from './config.ts';
import { type Interview, openInterview, type Terminal, terminalOf } from './interview.ts';
import { output } from './output.ts';

/** What a command is run with. */
export interface CommandCall {
  /** The arguments after its name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Where a person can be asked for what is missing; nobody is unless told. */
  readonly terminal?: Terminal | undefined;
}

/** One command of a program. */
export interface Command {
  /** Resolves to the exit code; an error is shown by the caller. */
  run(call: CommandCall): Promise<number>;
}

type Settings<S extends ConfigSchema> = Extract<ReadConfigResult<S>, { kind: 'config' }>;

/** A command with settings (`readConfig`): it shows its help, or runs with what it was given. */
export function command<S extends ConfigSchema>(
  options: Omit<ReadConfigOptions<S>, 'argv' | 'env' | 'interview'> & {
    readonly run: (settings: Settings<S>, call: Pick<CommandCall, 'signal' | 'terminal'>) => Promise<number>;
  },
): Command {
  const { run, ...reading } = options;
  return {
    async run({ argv, env, signal, terminal }) {
      const read = await readAt(terminal, (interview) => readConfig<S>({ ...reading, argv, env, interview }));
      if (read.kind === 'config') return run(read, { signal, terminal });
      process.stdout.write(read.text);
      return 0;
    },
  };
}

/** Reads settings with somebody to ask, if there is a terminal. */
async function readAt<T>(
  terminal: Terminal | undefined,
  read: (interview: Interview | undefined) => Promise<T>,
): Promise<T> {
  if (terminal === undefined) return read(undefined);
  using interview = openInterview(terminal);
  return await read(interview);
}

/** A usage error that names the command that was most likely meant, and all others. */
export function unknownCommand(name: string, known: readonly string[]): KarmeshError {
  return new KarmeshError('CONFIG_INVALID', `There is no command "${name}".`, {
    didYouMean: nearestName(name, known),
    known: known.join(', '),
  });
}

/**
 * Runs the command that the first argument names and resolves to the exit code; errors are shown on stderr. Commands are loaded when they
 * are asked for, since each brings large libraries.
 */
export async function runCommands(
  options: {
    readonly usage: string;
    readonly commands: Readonly<Record<string, () => Promise<Command>>>;
  },
  argv: readonly string[],
): Promise<number> {
  const { usage, commands } = options;
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h') {
    process.stdout.write(usage);
    return name === undefined ? 2 : 0;
  }
  try {
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined) {
      throw unknownCommand(name, Object.keys(commands));
    }
    const loaded = await load();
    const { signal } = new AbortController();
    return await loaded.run({ argv: rest, env: process.env, signal, terminal: terminalOf(argv) });
  } catch (error) {
    return output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })().fail(error);
  }
}
