#!/usr/bin/env node
import { type ExitCode, exitCodes, logger, output, shutdown } from '@karmesh/sdk/runtime';
import { readGatewayConfig } from './config.ts';
import { keysCommand } from './keysCommand.ts';
import { startGateway } from './startGateway.ts';

const argv = process.argv.slice(2);

async function main(): Promise<ExitCode | undefined> {
  if (argv[0] === 'keys') return keysCommand(argv.slice(1));
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
    log.error({ err: gateway.lost.reason }, 'The database is lost; the gateway ends so that no number is used twice.');
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
  process.exitCode = output({ json: argv.includes('--json') })().fail(cause);
}
