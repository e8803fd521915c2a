import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chooseCluster, isLocalnet, parametersOf } from '@karmesh/sdk/clusters/choose';
import { observeChain, observePeers, openParticipantHost, registeredAs } from '@karmesh/sdk/participant';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { checkFresh, createChainView, createProgramClient, toBase58, transactionSigner } from '@karmesh/sdk/program';
import {
  command,
  health,
  healthServer,
  loadKeypair,
  logger,
  metrics,
  nativeVerifySignature,
  openTracing,
  output,
  shutdown,
  stages,
} from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { evidenceChain } from '../chain/evidenceChain.ts';
import { chainWriter, followChain } from '../chain/followChain.ts';
import { type CrankCount, crank } from '../crank/crank.ts';
import { keepHeapLean } from '../keepHeapLean.ts';
import { observeDisk } from '../observeDisk.ts';
import { type ValidatorParts, validator } from '../validator.ts';
import { validatorMetrics } from '../validatorMetrics.ts';
import { checkRelease } from './checkRelease.ts';
import { registerSchema, type StartConfig, startSchema } from './config.ts';
import { openChallenges } from './openChallenges.ts';
import { openReplayer } from './openReplayer.ts';

/** Without news of the chain for so long a validator misses duties. */
const STALE_MS = 10_000;

/** `karmesh-validator start`: runs until SIGINT or SIGTERM. */
export const startCommand = command({
  program: 'karmesh validator start',
  summary: 'Runs a registered validator: takes in receipts, audits answers, and votes on every epoch.',
  section: 'validator',
  schema: startSchema,
  sharedWith: [registerSchema],
  files: configFiles,
  run: ({ config }, { signal }) => start(config, signal),
});

/** All the wiring of a validator. What is opened later is closed earlier. */
async function start(config: StartConfig, signal: AbortSignal): Promise<number> {
  keepHeapLean();
  const log = logger({ name: 'karmesh-validator', level: config.logLevel })();
  const talk = output({ json: config.json })();
  const cluster = await chooseCluster(config);
  const keypair = await loadKeypair(config.keypair);
  await using stack = new AsyncDisposableStack();
  stack.use(await openTracing({ program: 'validator', env: process.env, log }));
  using stopping = shutdown()({ log });
  const started = AbortSignal.any([signal, stopping.signal]);

  const replayer = stack.use(await openReplayer(config, { signal: started }));
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const { programId } = cluster;
  const view = stack.use(await createChainView({ connection, programId, pollMs: config.pollMs, signal: started }));
  await checkRelease(config, { cluster, chain: view.config(), connection, signal: started });
  const account = registeredAs('validator', { view, identity: keypair.publicKey });
  const client = createProgramClient({ connection, programId, payer: transactionSigner(keypair) });
  const { domain } = view.config();
  const offchain = parametersOf(cluster, view.config());
  const reached = stages('validator');
  const numbers = metrics();
  const observed = observePeers(numbers);
  const twin = Promise.withResolvers<void>();
  const host = stack.use(
    await openParticipantHost(config, { keypair, domain, cluster, log, observed, view, onTwin: twin.resolve }),
  );
  stack.defer(observed.watch(host));
  const balance = () => client.balance(keypair.publicKey, { signal: started });
  const now = () => performance.now();
  stack.defer(observeChain(numbers, { view, participant: account.address, balance, now }));
  const sleep: ValidatorParts['sleep'] = (ms, options) => pause(ms, undefined, options).catch(() => undefined);
  const challenges = await openChallenges(
    {
      keyFiles: config.modelKeys,
      folder: join(config.dataDir, 'recordings'),
      maxRecords: config.proofRecords,
      isLocalnet: isLocalnet(cluster, view.config()),
    },
    { stack, view, client, me: account.address, identity: keypair.publicKey, offchain, replayer, sleep, log },
  );
  observeDisk(numbers, { folder: config.dataDir });
  const counts = validatorMetrics(numbers);
  const running = stack.use(
    await validator({
      folder: config.dataDir,
      pollMs: config.pollMs,
      watchEpochs: config.watchEpochs,
      evidenceLamports: config.evidenceLamports,
      askForHidden: config.askForHidden,
    })({
      domain,
      cluster: { genesis: view.config().genesis, programId },
      me: account.address,
      keypair,
      offchain,
      chain: followChain({ view, client, me: account.address }),
      writer: chainWriter({ client, me: account.address, identity: keypair.publicKey }),
      evidence: evidenceChain({ client, identity: keypair.publicKey }),
      host,
      replayer,
      challenges,
      verify: nativeVerifySignature,
      nowMs: Date.now,
      sleep,
      log,
      metrics: counts,
      twin: twin.promise,
      onStage: (stage, about) => reached(stage, { ...about, domain }),
    }),
  );
  host.announce({ role: 'validator', participant: account.address });
  const { pollMs, collectRewards } = config;
  const cranked = {
    view,
    client,
    me: account.address,
    log,
    count: (what: CrankCount) => counts.crank.inc({ ...what }),
  };
  if (config.crank) stack.use(crank({ pollMs, collectRewards })(cranked));

  const checks = health();
  checks.add({ name: 'chain', kind: 'ready', check: () => checkFresh(view, STALE_MS) });
  const probe = stack.use(
    await healthServer({ host: config.healthHost, port: config.healthPort })({ health: checks, metrics: numbers }),
  );
  const shown = {
    event: 'ready',
    peerId: host.peerId,
    participant: toBase58(account.address),
    multiaddrs: host.addresses(),
    healthUrl: probe.url,
  };
  log.info({ peerId: host.peerId, participant: shown.participant }, 'Validating.');
  talk.data(shown, () =>
    [`Validator ${shown.participant} listens at`, ...shown.multiaddrs, `Health and metrics at ${probe.url}`].join('\n'),
  );
  stopping.add('validator', () => stack.disposeAsync());
  const ended = await Promise.race([stopping.stopped, running.stopped]);
  if (typeof ended === 'boolean') return ended ? 0 : 1;
  // V-26: nothing is signed any more, and an operator has to act.
  await stopping.stop(ended.code);
  return talk.fail(ended);
}
