#!/usr/bin/env node
import { KarmeshError } from '@karmesh/sdk/errors';
import { output } from '@karmesh/sdk/runtime';
import type { Command } from './cli/command.ts';

/** Loaded when asked for: each brings other large libraries. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import('./cli/startCommand.ts')).startCommand,
  register: async () => (await import('./cli/registerCommand.ts')).registerCommand,
  describe: async () => (await import('./cli/describeCommand.ts')).describeCommand,
};

const usage = `Usage: karmesh worker COMMAND [--json] [--help]

  karmesh worker start     run a registered worker until Ctrl-C
  karmesh worker register  bond an identity as a worker of this machine's class and model
  karmesh worker describe  show the engine class and model id of this machine

Each command has its own --help.
`;

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h') {
    process.stdout.write(usage);
    return name === undefined ? 2 : 0;
  }
  const stopping = new AbortController();
  try {
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined)
      throw new KarmeshError('CONFIG_INVALID', `There is no command "${name}".`, {
        known: Object.keys(commands).join(', '),
      });
    const command = await load();
    return await command.run({ argv: rest, env: process.env, signal: stopping.signal });
  } catch (error) {
    return output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })().fail(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
