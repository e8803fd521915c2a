#!/usr/bin/env node
import { type ExitCode, exitCodes, logger, output, shutdown, stages } from '@karmesh/sdk/runtime';
import { readLocalnetConfig } from './config.ts';
import { startLocalnet } from './startLocalnet.ts';

const argv = process.argv.slice(2);

async function main(): Promise<ExitCode | undefined> {
  const read = await readLocalnetConfig(argv);
  if (read.kind === 'help') {
    process.stdout.write(read.text);
    return exitCodes.ok;
  }
  const { config } = read;
  const log = logger({ name: 'localnet', level: config.logLevel })();
  const stopping = shutdown()({ log });
  const localnet = await startLocalnet(
    {
      dataDir: config.dataDir,
      port: config.port,
      host: config.bind,
      slotMs: config.slotMs,
      maxLogBytes: config.maxLogBytes,
      programs: config.program.map((pair) => {
        const [id = '', ...path] = pair.split('=');
        return { id, path: path.join('=') };
      }),
    },
    { log, onStage: stages('localnet') },
  );
  stopping.add('localnet', async () => {
    await localnet[Symbol.asyncDispose]();
  });
  const { rpcUrl, wsUrl, genesisHash } = localnet;
  output({ json: config.json })().data(
    { rpcUrl, wsUrl, genesisHash },
    () => `The cluster ${genesisHash} listens on ${rpcUrl} and ${wsUrl}; Ctrl-C ends it.`,
  );
  return undefined;
}

try {
  const code = await main();
  if (code !== undefined) process.exitCode = code;
} catch (cause) {
  process.exitCode = output({ json: argv.includes('--json'), color: process.env.NO_COLOR === undefined })().fail(cause);
}
