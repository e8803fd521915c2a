import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Gateway } from '@karmesh/sdk/client';
import type { Cluster } from '@karmesh/sdk/clusters';
import { KarmeshError } from '@karmesh/sdk/errors';
import { addressFromBase58, createProgramClient, type ProgramClient, transactionSigner } from '@karmesh/sdk/program';
import { fromHex } from '@karmesh/sdk/protocol';
import { Connection } from '@solana/web3.js';
import { z } from 'zod';
import { type Child, startChild } from './child.ts';
import type { MarketFolder, Member, WorkerEngine } from './folder.ts';
import { prepareChain, startEpochs, type WorkerOffer, type WorkerOffers } from './prepareChain.ts';

export interface MarketOptions {
  readonly folder: MarketFolder;
  readonly cluster: Cluster;
  readonly slotMs: number;
  /** Port of the RPC (the websocket takes the next one) and of the gateway; 0 finds free ones. */
  readonly rpcPort: number;
  readonly gatewayPort: number;
  /** Another program than the worker's for some of them, by index: what a test puts in a liar's place. */
  readonly workerScripts?: readonly (string | undefined)[];
  readonly logLevel?: string;
  /** The GGUF file that workers run and validators check; the bundled one unless told. */
  readonly modelPath?: string | undefined;
  /** The file with its keys, for requests that are to be proven; the bundled model has one. */
  readonly modelKeys?: string | undefined;
  /** What else is done to the chain before the gateway starts and epoch 0 begins; gives further arguments of the gateway. */
  readonly beforeGateway?: ((client: ProgramClient) => Promise<readonly string[]>) | undefined;
}

/** A whole market of processes. Disposing of it ends them, the last started first. */
export interface RunningMarket extends AsyncDisposable {
  readonly client: ProgramClient;
  readonly rpcUrl: string;
  readonly gateway: Gateway;
  /** What its workers serve: on llama.cpp, and on every engine that one of them runs. */
  readonly modelName: string;
  readonly modelNames: readonly string[];
  /** The gateway's multiaddr, by which further workers and validators join. */
  readonly bootstrap: string;
  /** All programs: the cluster, the gateway, the workers, the validators. */
  readonly processes: readonly Child[];
  /** In the order of the folder's members; a test kills one by its pid. */
  readonly workers: readonly Child[];
  readonly validators: readonly Child[];
  /** Resolves with the name of the first program that ended, and by what. */
  readonly failed: Promise<string>;
}

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const PROGRAM_FILE = join(root, 'programs/karma/karma.so');
const SCRIPTS = {
  localnet: join(root, 'programs/localnet/src/main.ts'),
  worker: join(root, 'node/src/main.ts'),
  validator: join(root, 'validator/src/main.ts'),
  gateway: join(root, 'web/gateway/main.ts'),
} as const;

const localnetReady = z.object({ rpcUrl: z.url() });
const peerReady = z.object({ multiaddrs: z.array(z.string()).min(1) });
const gatewayReady = z.object({ url: z.url() });
const described = z.object({
  engineClassId: z.string(),
  modelId: z.string(),
  manifest: z.looseObject({ name: z.string() }),
});

interface Run {
  readonly signal: AbortSignal;
  readonly talk: (sentence: string) => void;
}

/**
 * Starts the cluster, sets the chain up, then starts gateway, workers and validators as processes and begins epoch 0. Continues
 * where an earlier run in the same folder stopped.
 */
export async function startMarket(options: MarketOptions, run: Run): Promise<RunningMarket> {
  const { folder, cluster } = options;
  const { signal, talk } = run;
  await using stack = new AsyncDisposableStack();
  talk('Starting a local Solana cluster …');
  const ledger = stack.use(await startLedger(options, signal));
  const { rpcUrl } = localnetReady.parse(ledger.ready);
  const client = createProgramClient({
    connection: new Connection(rpcUrl, 'confirmed'),
    programId: addressFromBase58(cluster.programId),
    payer: transactionSigner(folder.treasury),
  });
  const engines = [...new Set<WorkerEngine>(['llama', ...folder.workers.map(({ engine }) => engine)])];
  const descriptions = await Promise.all(engines.map((engine) => describeModel(options, { engine, signal })));
  const offers: WorkerOffers = Object.fromEntries(descriptions.map(({ engine, offer }) => [engine, offer]));
  await prepareChain(client, { folder, cluster, offers, signal, talk });

  const manifestFiles = descriptions.map(({ engine }) => join(folder.path, `model-${engine}.json`));
  for (const [i, { manifest }] of descriptions.entries())
    await writeFile(manifestFiles[i] ?? '', JSON.stringify(manifest));
  talk('Starting the gateway …');
  const gatewayArgs = (await options.beforeGateway?.(client)) ?? [];
  const gateway = stack.use(await startGateway(options, { rpcUrl, manifestFiles, gatewayArgs, signal }));
  const [bootstrap = ''] = peerReady.parse(gateway.ready).multiaddrs;
  talk(`Starting ${folder.workers.length} workers and ${folder.validators.length} validators …`);
  const member = (script: string, { name, identityFile, dataDir, logFile }: Member, extra: readonly string[]) =>
    startChild(
      {
        name,
        script,
        logFile,
        args: [
          'start',
          '--json',
          '--url',
          rpcUrl,
          '--keypair',
          identityFile,
          '--data-dir',
          dataDir,
          '--bootstrap',
          bootstrap,
          '--log-level',
          options.logLevel ?? 'info',
          '--poll-ms',
          String(options.slotMs),
          ...extra,
        ],
      },
      { signal },
    );
  const started = await Promise.allSettled([
    ...folder.workers.map((worker, i) =>
      member(options.workerScripts?.[i] ?? SCRIPTS.worker, worker, engineOptions(options, worker.engine)),
    ),
    ...folder.validators.map((validator) =>
      member(SCRIPTS.validator, validator, [
        ...modelOption('models', options.modelPath),
        ...modelOption('exact-models', options.modelPath),
        '--model-cache',
        modelCache(folder),
        ...(options.modelKeys === undefined ? [] : ['--model-keys', options.modelKeys]),
      ]),
    ),
  ]);
  const children: Child[] = [];
  for (const result of started) if (result.status === 'fulfilled') children.push(stack.use(result.value));
  const broken = started.find((result) => result.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  await chainCommitted(client, { folder, signal });
  await startEpochs(client, { folder, signal, talk });
  const { url } = gatewayReady.parse(gateway.ready);
  const apiKey = (await readFile(apiKeyFile(folder), 'utf8')).trim();
  const access: Gateway = { url: url.replace(/\/$/, ''), apiKey };
  talk('Waiting for the gateway to find its workers …');
  await gatewayIsReady(access, signal);
  const modelNames = descriptions.map(({ manifest }) => manifest.name);
  const everybody = [ledger, gateway, ...children];
  const owned = stack.move();
  return {
    client,
    rpcUrl,
    gateway: access,
    modelName: modelNames[0] ?? '',
    modelNames,
    bootstrap,
    processes: everybody,
    workers: children.slice(0, folder.workers.length),
    validators: children.slice(folder.workers.length),
    failed: Promise.race(everybody.map(async (child) => `${child.name} ended (${await child.ended})`)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function startLedger({ folder, cluster, slotMs, rpcPort }: MarketOptions, signal: AbortSignal): Promise<Child> {
  const program = `${cluster.programId}=${PROGRAM_FILE}`;
  const args = [
    '--json',
    '--data-dir',
    folder.ledgerDir,
    '--port',
    String(rpcPort),
    '--slot-ms',
    String(slotMs),
    '--program',
    program,
  ];
  return startChild({ name: 'local cluster', script: SCRIPTS.localnet, args, logFile: folder.ledgerLog }, { signal });
}

function apiKeyFile(folder: MarketFolder): string {
  return join(folder.path, 'dev-keys', 'api-key.txt');
}

function startGateway(
  { folder, gatewayPort, slotMs, logLevel = 'info' }: MarketOptions,
  {
    rpcUrl,
    manifestFiles,
    gatewayArgs,
    signal,
  }: {
    readonly rpcUrl: string;
    readonly manifestFiles: readonly string[];
    readonly gatewayArgs: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<Child> {
  const { identityFile, dataDir, logFile } = folder.gateway;
  const args = [
    '--json',
    '--url',
    rpcUrl,
    '--keypair',
    identityFile,
    '--data-dir',
    dataDir,
    '--port',
    String(gatewayPort),
    '--models',
    manifestFiles.join(','),
    '--api-key-file',
    apiKeyFile(folder),
    '--poll-ms',
    String(slotMs),
    '--log-level',
    logLevel,
    ...gatewayArgs,
  ];
  return startChild({ name: 'gateway', script: SCRIPTS.gateway, args, logFile }, { signal });
}

function modelOption(name: 'model' | 'models' | 'exact-models', modelPath: string | undefined): readonly string[] {
  return modelPath === undefined ? [] : [`--${name}`, modelPath];
}

export function modelCache(folder: MarketFolder): string {
  return join(folder.path, 'models');
}

/** What a worker's program is told about its engine. */
function engineOptions(
  { folder, modelPath, modelKeys }: Pick<MarketOptions, 'folder' | 'modelPath' | 'modelKeys'>,
  engine: WorkerEngine,
): readonly string[] {
  const keys = modelKeys === undefined ? [] : ['--model-keys', modelKeys];
  return [...modelOption('model', modelPath), '--engine', engine, '--model-cache', modelCache(folder), ...keys];
}

/** The class and model that this machine's workers of an engine register with. */
async function describeModel(
  options: Pick<MarketOptions, 'folder' | 'modelPath'>,
  { engine, signal }: { readonly engine: WorkerEngine; readonly signal: AbortSignal },
): Promise<{
  readonly engine: WorkerEngine;
  readonly offer: WorkerOffer;
  readonly manifest: z.output<typeof described>['manifest'];
}> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', SCRIPTS.worker, 'describe', '--json', ...engineOptions(options, engine)],
    { signal, maxBuffer: 1 << 20 },
  );
  const parsed = described.safeParse(JSON.parse(stdout));
  if (!parsed.success) throw new KarmeshError('ENGINE_FAILED', 'The worker did not describe its engine.');
  const { engineClassId, modelId, manifest } = parsed.data;
  return { engine, offer: { engineClass: fromHex(engineClassId), models: [fromHex(modelId)] }, manifest };
}

/** Waits until the gateway has committed the hash chain of epoch 0; nothing can be dispatched without it. */
async function chainCommitted(
  client: ProgramClient,
  { folder, signal }: { readonly folder: MarketFolder; readonly signal: AbortSignal },
): Promise<void> {
  const gateway = client.addresses.participant(folder.gateway.identity.publicKey);
  while ((await client.chain(gateway, 0n, { signal })) === undefined) await pause(200, undefined, { signal });
}

async function gatewayIsReady(gateway: Gateway, signal: AbortSignal): Promise<void> {
  for (;;) {
    const response = await fetch(`${gateway.url}/readyz`, { signal });
    await response.body?.cancel();
    if (response.ok) return;
    await pause(200, undefined, { signal });
  }
}
