import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { steadyClock, systemClock } from '@karmesh/sdk/clock';
import { chooseCluster, isLocalnet, parametersOf } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { WorkerHealth } from '@karmesh/sdk/network';
import { epochBodies, observeChain, observePeers, openParticipantHost, registeredAs } from '@karmesh/sdk/participant';
import {
  type ChainView,
  checkFresh,
  createChainView,
  createProgramClient,
  NONE,
  type ParticipantAccount,
  toBase58,
  transactionSigner,
} from '@karmesh/sdk/program';
import {
  AUDIT_PROTOCOL,
  equalBytes,
  INFER_PROTOCOL,
  MAX_AUDIT_FRAME_BYTES,
  MAX_INFER_FRAME_BYTES,
  toHex,
} from '@karmesh/sdk/protocol';
import {
  acquireLockFile,
  health as healthChecks,
  healthServer,
  type Keypair,
  logger,
  metrics,
  nativeVerifySignature,
  openTracing,
  output,
  shutdown,
  stages,
} from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { accessFiles, participantName } from '../access/accessFiles.ts';
import { openAccessGate } from '../access/accessGate.ts';
import type { EngineDescription } from '../engines/engine.ts';
import { checkFileFits, checkLoadedFits } from '../governor/checkFits.ts';
import { cpuMeter } from '../governor/cpuMeter.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import { openAuditFiles } from '../store/auditFiles.ts';
import { openReceiptLog } from '../store/receiptLog.ts';
import { carriesTicket } from '../worker/carriesTicket.ts';
import { worker } from '../worker/worker.ts';
import { chainOf } from './chainOf.ts';
import type { StartConfig } from './config.ts';
import { openEngine } from './openEngine.ts';
import { maxMemoryBytes, openGovernor } from './openGovernor.ts';
import { openProver } from './openProver.ts';
import { serveAccess } from './serveAccess.ts';
import { settledEpoch } from './settledEpoch.ts';
import { watchAdmission } from './watchAdmission.ts';
import { workerMetrics } from './workerMetrics.ts';

/** Streams at once: those that run or wait, and those that are sealed and wait for others. */
const SEALED_STREAMS = 64;
const AUDIT_STREAMS = 8;
const DISPATCH_MS = 10_000;
/** How long a running answer may go on after a stop was asked for. */
const DRAIN_MS = 5_000;
/** For the newest report, by which old audit records are deleted. */
const SETTLED_MS = 30_000;
/** Without news of the chain for so long a worker cannot judge dispatches. */
const STALE_MS = 10_000;

/** All the wiring of a worker, until SIGINT or SIGTERM. What is opened later is closed earlier. Resolves to the exit code. */
export async function startWorker(
  own: { readonly config: StartConfig; readonly keypair: Keypair },
  signal: AbortSignal,
): Promise<number> {
  const { config, keypair } = own;
  const log = logger({ name: 'karmesh-worker', level: config.logLevel })();
  const talk = output({ json: config.json })();
  const cluster = await chooseCluster(config);
  await using stack = new AsyncDisposableStack();
  stack.use(await openTracing({ program: 'worker', env: process.env, log }));
  using stopping = shutdown()({ log });
  stack.use(await acquireLockFile(join(config.dataDir, 'lock')));
  const started = AbortSignal.any([signal, stopping.signal]);

  const memory = { maxMemoryBytes: maxMemoryBytes(config) };
  if (config.engine !== 'openai') await checkFileFits(config.model ?? BUNDLED_MODEL_PATH, memory);
  talk.talk('Loading the model.');
  const engine = stack.use(await openEngine(config, { signal: started }));
  checkLoadedFits(process.memoryUsage.rss(), memory);
  const governing = stack.use(await openGovernor(config, { log }));
  const description = engine.describe();
  const { engineClassId, modelId } = description;
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const { programId } = cluster;
  const view = stack.use(
    await createChainView({
      connection,
      programId,
      pollMs: config.pollMs,
      signal: started,
    }),
  );
  const account = registeredWorker(view, { identity: keypair.publicKey, description });
  const chain = chainOf(view, {
    participant: account.address,
    offchain: parametersOf(cluster, view.config()),
    verify: nativeVerifySignature,
  });

  const receipts = stack.use(await openReceiptLog(config.dataDir));
  const audits = await openAuditFiles(config.dataDir);
  const prover = await openProver(config, {
    engine,
    domain: view.config().domain,
    isLocalnet: isLocalnet(cluster, view.config()),
    log,
  });
  if (prover !== undefined) stack.use(prover);
  const client = createProgramClient({ connection, programId, payer: transactionSigner(keypair) });
  const admission = prover === undefined ? undefined : stack.use(watchAdmission(prover.keys, { view, client, log }));
  const numbers = metrics();
  const observed = observePeers(numbers);
  stack.defer(observeChain(numbers, { view, participant: account.address, now: () => performance.now() }));
  const count = workerMetrics(numbers, { active: config.sequences, waiting: config.maxQueue });
  const files = accessFiles(config.dataDir);
  const gate =
    config.access === 'open' ? undefined : stack.use(await openAccessGate({ files, clock: systemClock, log }));
  const limits = { dispatchMs: DISPATCH_MS, runMs: config.runSeconds * 1000, sealsMs: config.sealSeconds * 1000 };
  const serving = worker({
    maxConcurrent: config.sequences,
    maxQueue: config.maxQueue,
    maxProofs: config.maxProofs,
    limits,
  })({
    engine,
    signer: keypair,
    chain,
    receipts: count.receipts(receipts),
    audits,
    prover,
    areKeysAdmitted: admission?.isAdmitted,
    owedProofs: prover === undefined ? undefined : await audits.countProofs(),
    clock: systemClock,
    steady: steadyClock,
    random: (length) => new Uint8Array(randomBytes(length)),
    pause() {
      const now = governing.standing();
      return now.state === 'serving' ? undefined : now;
    },
    ...(gate === undefined ? {} : { isGranted: (gateway) => gate.isGranted(participantName.parse(toBase58(gateway))) }),
    onStage: stages('worker'),
    onInfer(outcome) {
      if (outcome.kind === 'unused') return;
      count.infer(outcome);
      if (outcome.kind === 'revealed')
        log.info(
          { requestId: toHex(outcome.requestId), outputTokens: outcome.result.outputTokens.length },
          'Answered.',
        );
      else if (outcome.kind === 'failed')
        log.error({ cause: outcome.cause, err: outcome.error }, 'An accepted request failed.');
      else log.info(outcome, 'A dispatch ended without an answer.');
    },
    onAudit(outcome) {
      count.audit(outcome);
      log.info(outcome, 'An audit was answered.');
    },
  });
  const cpu = cpuMeter({ threads: config.threads })({ nowMs: () => performance.now(), cpuMicros });
  const health = (): WorkerHealth => {
    const { milliTokensPerSecond, ...load } = serving.load();
    return {
      state: governing.standing().state,
      cpuPermille: cpu.permille(),
      residentBytes: BigInt(process.memoryUsage.rss()),
      ...load,
      milliTokensPerSecond: BigInt(milliTokensPerSecond),
    };
  };
  count.health(health);
  stack.defer(() => serving.stop({ signal: AbortSignal.timeout(DRAIN_MS) }));

  const host = stack.use(
    await openParticipantHost(config, { keypair, domain: view.config().domain, cluster, log, observed, view }),
  );
  stack.defer(observed.watch(host));
  const bodies = epochBodies({ maxKept: 1, domain: view.config().domain, view, readEpoch: client.epoch, host, log });
  stack.defer(
    pruneByEpoch(view, {
      async prune({ signal: over }) {
        const settled = await settledEpoch(
          { view, bodies },
          { signal: AbortSignal.any([over, AbortSignal.timeout(SETTLED_MS)]) },
        );
        if (settled !== undefined) await serving.prune(settled);
        return settled !== undefined || view.config().lastFinalisedEpoch === NONE;
      },
      onError: (err) => log.error({ err }, 'Old audit records could not be deleted.'),
    }),
  );
  await host.handle({
    protocol: INFER_PROTOCOL,
    maxStreams: config.sequences + config.maxQueue + SEALED_STREAMS,
    maxFrameBytes: MAX_INFER_FRAME_BYTES,
    // The session's own limits come first.
    idleMs: limits.dispatchMs + limits.runMs + limits.sealsMs,
    ticketed: true,
    async handler(stream, ask) {
      if (!carriesTicket(await serving.serveInfer(stream))) ask.count();
    },
  });
  await host.handle({
    protocol: AUDIT_PROTOCOL,
    maxStreams: AUDIT_STREAMS,
    maxFrameBytes: MAX_AUDIT_FRAME_BYTES,
    handler: serving.serveAudit,
  });
  if (gate !== undefined) await serveAccess({ host, gate, view });
  const offer = { participant: account.address, engineClass: engineClassId, models: [modelId], health };
  host.announce({ role: 'worker', ...offer });

  const checks = healthChecks();
  checks.add({ name: 'chain', kind: 'ready', check: () => checkFresh(view, STALE_MS) });
  checks.add({ name: 'limits', kind: 'ready', check: () => governing.check() });
  const probe = stack.use(
    await healthServer({ host: config.healthHost, port: config.healthPort })({ health: checks, metrics: numbers }),
  );
  const shown = {
    event: 'ready',
    peerId: host.peerId,
    participant: toBase58(account.address),
    multiaddrs: host.addresses(),
    engineClassId,
    modelId,
    healthUrl: probe.url,
  };
  log.info(
    { peerId: host.peerId, participant: shown.participant, cpuKernel: description.engineClass.cpuKernel },
    'Serving.',
  );
  talk.data(shown, () =>
    [`Worker ${shown.participant} serves at`, ...shown.multiaddrs, `Health and metrics at ${probe.url}`].join('\n'),
  );
  stopping.add('worker', () => stack.disposeAsync());
  return (await stopping.stopped) ? 0 : 1;
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The account of this identity. Throws `CONFIG_INVALID` unless it is a worker of this machine's class and model. */
function registeredWorker(
  view: ChainView,
  own: { readonly identity: Uint8Array; readonly description: EngineDescription },
): ParticipantAccount {
  const account = registeredAs('worker', { view, identity: own.identity });
  const { engineClassId, modelId } = own.description;
  if (!equalBytes(account.engineClass, engineClassId))
    throw new KarmeshError(
      'CONFIG_INVALID',
      'The worker is registered with another engine class than this machine has.',
      {
        registered: toHex(account.engineClass),
        here: toHex(engineClassId),
      },
    );
  if (!account.models.some((model) => equalBytes(model, modelId)))
    throw new KarmeshError('CONFIG_INVALID', 'The worker is not registered for this model.', { model: toHex(modelId) });
  return account;
}

/** Between two tries to learn what is settled. */
const PRUNE_EVERY_MS = 10_000;

/** Deletes old audit records whenever another epoch has become final; what it could not learn then it asks for again. Returns what ends that. */
function pruneByEpoch(
  view: ChainView,
  options: {
    /** Whether it is known what is settled. */
    readonly prune: (options: { readonly signal: AbortSignal }) => Promise<boolean>;
    readonly onError: (error: unknown) => void;
  },
): () => Promise<void> {
  const stop = new AbortController();
  let pruned: bigint | undefined;
  let triedMs = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  const prune = async (last: bigint): Promise<void> => {
    try {
      if (await options.prune({ signal: stop.signal })) pruned = last;
    } catch (error) {
      if (!stop.signal.aborted) options.onError(error);
    } finally {
      running = undefined;
    }
  };
  const leave = view.onSlot(() => {
    const { lastFinalisedEpoch } = view.config();
    const nowMs = performance.now();
    if (lastFinalisedEpoch === pruned || running !== undefined || nowMs - triedMs < PRUNE_EVERY_MS) return;
    triedMs = nowMs;
    running = prune(lastFinalisedEpoch);
  });
  return async () => {
    leave();
    stop.abort();
    await running;
  };
}
