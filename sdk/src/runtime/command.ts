import { KarmeshError } from '../errors.ts';
import { nearestName } from '../nearestName.ts';
import { type ConfigSchema, type ReadConfigOptions, type ReadConfigResult, readConfig } from './config.ts';
import { output } from './output.ts';

/** What a command is run with. */
export interface CommandCall {
  /** The arguments after its name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** One command of a program. */
export interface Command {
  /** Resolves to the exit code; an error is shown by the caller. */
  run(call: CommandCall): Promise<number>;
}

type Settings<S extends ConfigSchema> = Extract<ReadConfigResult<S>, { kind: 'config' }>;

/** A command with settings (`readConfig`): it shows its help, or runs with what it was given. */
export function command<S extends ConfigSchema>(
  options: Omit<ReadConfigOptions<S>, 'argv' | 'env'> & {
    readonly run: (settings: Settings<S>, call: Pick<CommandCall, 'signal'>) => Promise<number>;
  },
): Command {
  const { run, ...reading } = options;
  return {
    async run({ argv, env, signal }) {
      const read = await readConfig<S>({ ...reading, argv, env });
      if (read.kind === 'config') return run(read, { signal });
      process.stdout.write(read.text);
      return 0;
    },
  };
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
    return await loaded.run({ argv: rest, env: process.env, signal: new AbortController().signal });
  } catch (error) {
    return output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })().fail(error);
  }
}
