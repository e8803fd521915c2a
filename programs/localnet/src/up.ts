#!/usr/bin/env node
import { writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { KarmeshError } from '@karmesh/sdk/errors';
import { acquireLockFile, exitCodes, logLevels, output, readConfig, toJson } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { askOnce } from './up/askOnce.ts';
import { EXACT_WORKERS, type MarketFolder, openMarketFolder } from './up/folder.ts';
import { makeKeys } from './up/makeKeys.ts';
import { type RunningMarket, startMarket } from './up/startMarket.ts';

const schema = z.object({
  dataDir: z
    .string()
    .min(1)
    .default(join('.karmesh', 'up'))
    .meta({ description: 'where the market keeps everything', placeholder: 'folder' }),
  once: z.string().min(1).optional().meta({
    description: 'ask this, wait until it is final and paid, print one JSON object, end',
    placeholder: 'question',
  }),
  assurance: z.enum(['quorum', 'proof']).default('quorum').meta({
    description: 'of --once: proof waits until a token that nobody could choose is proven and recorded, minutes longer',
  }),
  slotMs: z.int().min(20).max(10_000).default(400).meta({ description: 'milliseconds per slot of the local cluster' }),
  rpcPort: z.int().min(0).max(65_534).default(8899).meta({ description: 'port of the Solana RPC; 0 finds a free one' }),
  gatewayPort: z
    .int()
    .min(0)
    .max(65_535)
    .default(8787)
    .meta({ description: 'port of the gateway; 0 finds a free one' }),
  model: z.string().min(1).optional().meta({
    description: 'the GGUF file that the workers run; the small bundled one unless told',
    placeholder: 'file',
  }),
  exactWorkers: z.int().min(0).max(16).optional().meta({
    description:
      'workers that run the model on the exact engine, beside five on llama.cpp; 3 unless told, none with --once',
  }),
  json: z.boolean().default(false).meta({ description: 'one line of JSON on stdout once it is up' }),
  logLevel: z.enum(logLevels).default('info').meta({ description: 'the least level in the programs’ logs' }),
});

/** How long `--once` may take from start to claim, in milliseconds. Keys for proofs are made on the first use. */
const ONCE_DEADLINE_MS = { quorum: 15 * 60_000, proof: 75 * 60_000 } as const;

async function main(argv: readonly string[]): Promise<number> {
  const read = await readConfig({
    program: 'karmesh up',
    summary:
      'Runs a whole market on this machine: a local Solana cluster, eight workers on two engines, four validators and a gateway.',
    section: 'up',
    schema,
    argv,
    env: process.env,
    files: ['karmesh.config.json'],
  });
  if (read.kind === 'help') {
    process.stdout.write(read.text);
    return exitCodes.ok;
  }
  const { config } = read;
  const { once, assurance } = config;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new KarmeshError('ABORTED', 'Stopped.'));
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);
  const signal =
    once === undefined
      ? stopping.signal
      : AbortSignal.any([stopping.signal, AbortSignal.timeout(ONCE_DEADLINE_MS[assurance])]);
  const { talk, data } = output({ json: config.json, color: process.env.NO_COLOR === undefined })();

  const path = resolve(config.dataDir);
  await using stack = new AsyncDisposableStack();
  stack.use(await acquireLockFile(join(path, 'up.lock')));
  // One question needs no second engine, unless it is to be proven.
  const exactWorkers = config.exactWorkers ?? (once === undefined || assurance === 'proof' ? EXACT_WORKERS : 0);
  const folder = await openMarketFolder(path, { exactWorkers });
  const cluster = clusterPreset('localnet');
  const modelPath = config.model === undefined ? undefined : resolve(config.model);
  const isProven = once !== undefined && assurance === 'proof';
  const modelKeys = isProven ? await makeKeys(folder, { modelPath, signal, talk }) : undefined;
  const market = stack.use(
    await startMarket(
      {
        folder,
        cluster,
        slotMs: config.slotMs,
        logLevel: config.logLevel,
        modelPath,
        modelKeys,
        rpcPort: config.rpcPort,
        gatewayPort: config.gatewayPort,
      },
      { signal, talk },
    ),
  );
  await writeClientConfig(path, market);
  if (once !== undefined) {
    const { client, gateway, failed } = market;
    const result = await Promise.race([
      askOnce(client, {
        question: once,
        assurance,
        model: assurance === 'proof' ? market.modelNames.at(-1) : undefined,
        gateway,
        folder,
        cluster,
        signal,
        talk,
      }),
      failed.then((what) => {
        throw new KarmeshError('PROGRAM_ENDED', 'A part of the market ended by itself.', {
          what,
          logs: join(path, 'logs'),
        });
      }),
    ]);
    talk('Done; stopping everything …');
    await stack.disposeAsync();
    data(result, toJson);
    return exitCodes.ok;
  }
  const { bootstrap, gateway, rpcUrl, modelName, modelNames } = market;
  const access = { gateway: gateway.url, apiKey: gateway.apiKey, rpcUrl, bootstrap };
  data({ ...access, model: modelName, models: modelNames, dataDir: path }, () => welcome(path, market, folder));
  const ended = await Promise.race([market.failed, aborted(signal)]);
  if (ended !== undefined) {
    throw new KarmeshError('PROGRAM_ENDED', 'A part of the market ended by itself.', {
      what: ended,
      logs: join(path, 'logs'),
    });
  }
  talk('Stopping …');
  return exitCodes.ok;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((done) => {
    if (signal.aborted) done(undefined);
    else signal.addEventListener('abort', () => done(undefined), { once: true });
  });
}

/** What `karmesh ask` and its siblings read when they run in the folder where `up` was started, and what a shell may read. */
async function writeClientConfig(path: string, { bootstrap, gateway, rpcUrl }: RunningMarket): Promise<void> {
  const settings = {
    ask: { gateway: gateway.url, apiKey: gateway.apiKey },
    receipt: { url: rpcUrl },
    karma: { url: rpcUrl },
  };
  await writeFile(join(path, 'karmesh.config.json'), `${JSON.stringify(settings, undefined, 2)}\n`, { mode: 0o600 });
  // The same for a shell, under the names that every program of ours reads, so that workers and validators can join too.
  const variables = {
    KARMESH_URL: rpcUrl,
    KARMESH_BOOTSTRAP: bootstrap,
    KARMESH_GATEWAY: gateway.url,
    KARMESH_API_KEY: gateway.apiKey,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
  await writeFile(join(path, 'env.sh'), lines.join(''), { mode: 0o600 });
}

/** Some ten lines: what to open and what to paste. */
function welcome(
  path: string,
  { bootstrap, gateway, rpcUrl, modelName, modelNames }: RunningMarket,
  { workers, validators }: MarketFolder,
): string {
  const body = JSON.stringify({
    model: modelName,
    messages: [{ role: 'user', content: 'What is the capital of France?' }],
  });
  return [
    '',
    `Karmesh is up: ${workers.length} workers, ${validators.length} validators, a gateway and a local Solana cluster (development keys only).`,
    `  The page               ${gateway.url}/     ask and watch, check answers, see workers and epochs`,
    `  Models                 ${modelNames.join(', ')}`,
    `  OpenAI-compatible API  ${gateway.url}/v1     key ${gateway.apiKey}`,
    `  Solana RPC             ${rpcUrl}     data and logs in ${path}`,
    `  Peers join at          ${bootstrap}`,
    'Ask, then look at who earned what:',
    `  curl ${gateway.url}/v1/chat/completions -H 'authorization: Bearer ${gateway.apiKey}' -H 'content-type: application/json' -d '${body}'`,
    '  npm run karmesh -- ask "What is the capital of France?" --bundle bundle.json',
    '  npm run karmesh -- receipt fetch REQUEST --wait && npm run karmesh -- receipt verify bundle.json --wait   (about two minutes)',
    '  npm run karmesh -- karma show',
    `For other programs, all of this as variables:  . ${relative(process.cwd(), join(path, 'env.sh'))}`,
    'Ctrl-C ends everything; starting again in this folder continues.',
  ].join('\n');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const json = process.argv.includes('--json');
  process.exitCode = output({ json, color: process.env.NO_COLOR === undefined })().fail(error);
}
