#!/usr/bin/env node
import { KarmeshError } from '@karmesh/sdk/errors';
import { output } from '@karmesh/sdk/runtime';
import type { Command } from './cli/command.ts';
import { registerCommand } from './cli/registerCommand.ts';
import { startCommand } from './cli/startCommand.ts';
import { statusCommand } from './cli/statusCommand.ts';

const commands: Readonly<Record<string, Command>> = {
  start: startCommand,
  status: statusCommand,
  register: registerCommand,
};

const usage = `Usage: karmesh validator COMMAND [--json] [--help]

  karmesh validator start     run a registered validator until Ctrl-C
  karmesh validator status    show the epoch, stake, karma, duties and the last root
  karmesh validator register  bond an identity as a validator

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
    if (command === undefined) {
      throw new KarmeshError('CONFIG_INVALID', `There is no command "${name}".`, {
        known: Object.keys(commands).join(', '),
      });
    }
    return await command.run({ argv: rest, env: process.env, signal: stopping.signal });
  } catch (error) {
    return output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })().fail(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
