#!/usr/bin/env node
import { type Command, exitCodes, logger, output, shutdown, terminalOf, unknownCommand } from '@karmesh/sdk/runtime';
import { accountsCommand } from './accountsCommand.ts';
import { readGatewayConfig } from './config.ts';
import { depositsCommand } from './depositsCommand.ts';
import { keysCommand } from './keysCommand.ts';
import { ledgerCommand } from './ledgerCommand.ts';
import { registerCommand } from './registerCommand.ts';
import { startGateway } from './startGateway.ts';

const argv = process.argv.slice(2);

/** Beside the gateway itself, which needs no name. */
const commands: Readonly<Record<string, Command>> = {
  keys: keysCommand,
  accounts: accountsCommand,
  ledger: ledgerCommand,
  deposits: depositsCommand,
  register: registerCommand,
};

async function main(): Promise<number | undefined> {
  const [name = '', ...rest] = argv;
  if (Object.hasOwn(commands, name)) {
    const { signal } = new AbortController();
    return commands[name]?.run({ argv: rest, env: process.env, signal, terminal: terminalOf(argv) });
  }
  if (name !== '' && !name.startsWith('-')) throw unknownCommand(name, Object.keys(commands));
  const read = await readGatewayConfig(argv);
  if (read.kind === 'help') {
    process.stdout.write(read.text);
    return exitCodes.ok;
  }
  const { config } = read;
  const log = logger({ name: 'gateway', level: config.logLevel })();
  const stopping = shutdown()({ log });
  const gateway = await startGateway(config, { log, signal: stopping.signal });
  stopping.add('gateway', async () => {
    await gateway[Symbol.asyncDispose]();
  });
  gateway.lost.addEventListener('abort', () => {
    log.error(
      { err: gateway.lost.reason },
      'Another process has this gateway’s place; this one ends so that no number is used twice.',
    );
    process.kill(process.pid, 'SIGTERM');
  });
  const { url, participant, escrow, peerId, multiaddrs } = gateway;
  output({ json: config.json })().data(
    { url, participant, escrow, peerId, multiaddrs },
    () => `The gateway ${participant} listens on ${url}; Ctrl-C ends it.`,
  );
  return undefined;
}

try {
  const code = await main();
  if (code !== undefined) process.exitCode = code;
} catch (cause) {
  process.exitCode = output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })().fail(cause);
}
