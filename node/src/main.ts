#!/usr/bin/env node
import { KarmeshError } from '@karmesh/sdk/errors';
import { output } from '@karmesh/sdk/runtime';
import type { Command } from './cli/command.ts';
import { describeCommand } from './cli/describeCommand.ts';
import { registerCommand } from './cli/registerCommand.ts';
import { startCommand } from './cli/startCommand.ts';

const commands: Readonly<Record<string, Command>> = {
  start: startCommand,
  register: registerCommand,
  describe: describeCommand,
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
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined)
      throw new KarmeshError('CONFIG_INVALID', `There is no command "${name}".`, {
        known: Object.keys(commands).join(', '),
      });
    return await command.run({ argv: rest, env: process.env, signal: stopping.signal });
  } catch (error) {
    return output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })().fail(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
