import { fileURLToPath } from 'node:url';
import { systemClock } from '@karmesh/sdk/clock';
import { chooseCluster, parametersOf } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type Announcement, type Host, topics } from '@karmesh/sdk/network';
import { epochBodies, observeChain, observePeers, openParticipantHost } from '@karmesh/sdk/participant';
import {
  type ChainView,
  checkFresh,
  closeChain,
  commitChain,
  createChainView,
  createProgramClient,
  type EscrowAccount,
  NONE,
  type ParticipantAccount,
  ROLE,
  toBase58,
  transactionSigner,
} from '@karmesh/sdk/program';
import { equalBytes, escrowAvailable, REPLICAS, toHex } from '@karmesh/sdk/protocol';
import {
  health,
  type Logger,
  loadKeypair,
  metrics,
  nativeVerifySignature,
  openTracing,
  stages,
} from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { accessAsker } from './accessAsker.ts';
import { createApp } from './app.ts';
import { findBundle } from './bundles/findBundle.ts';
import { karmaHistory } from './bundles/karmaHistory.ts';
import type { GatewayConfig } from './config.ts';
import { ensureApiKey } from './ensureApiKey.ts';
import { listen } from './listen.ts';
import { feed } from './live/feed.ts';
import { observeMesh } from './live/observeMesh.ts';
import { observeQueue } from './live/observeQueue.ts';
import { observeMarket } from './observeMarket.ts';
import { readManifest } from './readManifest.ts';
import { recentKeys } from './recentKeys.ts';
import { chainCloser } from './scheduler/chainCloser.ts';
import { chainCommitter } from './scheduler/chainCommitter.ts';
import { publisher } from './scheduler/publisher.ts';
import { openScheduler } from './scheduler/scheduler.ts';
import { spareStreams } from './scheduler/spareStreams.ts';
import { viewedChain } from './scheduler/viewedChain.ts';
import { serveBatches } from './serveBatches.ts';
import { findApiKey } from './store/apiKeys.ts';
import { unpublishedEntries } from './store/batches.ts';
import { bindGateway } from './store/bindGateway.ts';
import { openDatabase, pingDatabase } from './store/openDatabase.ts';
import { forgetRequests } from './store/requests.ts';

export type StartedGateway = AsyncDisposable & {
  /** Where clients reach it on this machine. */
  readonly url: string;
  /** Base58. */
  readonly participant: string;
  readonly escrow: string;
  readonly peerId: string;
  /** Where peers reach it. */
  readonly multiaddrs: readonly string[];
  /** Aborted when it cannot go on: another process has taken its database. */
  readonly lost: AbortSignal;
};

const EPOCHS_AHEAD = 2;
const CHAIN_STALE_MS = 10_000;
const FORGET_EVERY_MS = 60_000;
/** Below the ten seconds after which a worker gives an unused stream up. */
const SPARE_STREAM_MS = 5_000;
const MAX_SPARE_STREAMS = 64;
const BATCH_INTERVAL_MS = 1_000;
const ASK_ACCESS_EVERY_MS = 600_000;
const ASK_ACCESS_MS = 4_000;
const KEY_MS = 2_000;
const MAX_RECENT_KEYS = 4096;
const LATE_PARTS_MS = 5_000;
const MS_PER_HOUR = 3_600_000;
/** Who watches the page's live pictures; a kill is seen within `gapMs` of when the network notices. */
const FEED = { maxWatchers: 64, gapMs: 100, everyMs: 2_000 };
const MESH = { maxPeers: 200, keepLostMs: 600_000, maxChanges: 32 };
/** Five minutes. */
const QUEUE = { sampleMs: 5_000, maxSamples: 60 };
const HISTORY = { epochs: 12, fetchMs: 5_000, retryMs: 30_000 };
const PAGE_FOLDER = fileURLToPath(new URL('../dashboard/dist/', import.meta.url));

/**
 * Puts a gateway together and starts it: chain, database, network, scheduler, publisher and HTTP, in this order; disposing ends them in
 * the other. It returns once the hash chains of the coming epochs are committed, so that a cluster may then start its first.
 *
 * @throws KarmeshError for every reason why it cannot run: `KEYPAIR_INVALID`, `RPC_UNREACHABLE`, `GENESIS_MISMATCH`, `PROGRAM_MISMATCH`,
 * `STORE_LOCKED`, `MODEL_INVALID`, `CONFIG_INVALID`.
 */
export async function startGateway(
  config: GatewayConfig,
  parts: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<StartedGateway> {
  const { log, signal } = parts;
  await using starting = new AsyncDisposableStack();
  starting.use(await openTracing({ program: 'gateway', env: process.env, log }));
  const cluster = await chooseCluster(config);
  const keypair = await loadKeypair(config.keypair);
  const models = await Promise.all(config.models.map(readManifest));

  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const { programId } = cluster;
  const view = starting.use(await createChainView({ connection, programId, pollMs: config.pollMs, signal }));
  const client = createProgramClient({ connection, programId, payer: transactionSigner(keypair) });
  const account = registeredGateway(view, keypair.publicKey);
  const { domain, genesis } = view.config();
  const parameters = parametersOf(cluster, view.config());
  const gateway = account.address;
  const escrow = chosenEscrow(view, { gateway, wanted: config.escrow });
  const chain = viewedChain(view, gateway);

  const measured = metrics();
  const observed = observeMarket(measured);
  const { dataDir, databaseUrl } = config;
  const database = starting.use(await openDatabase({ dataFolder: dataDir, databaseUrl, observe: observed.database }));
  const { db } = database;
  await bindGateway(db, { domain, participant: gateway });
  if (config.apiKeyFile !== undefined) await ensureApiKey(db, { path: config.apiKeyFile, nowMs: BigInt(Date.now()) });

  const peers = observePeers(measured);
  const host = starting.use(
    await openParticipantHost(config, {
      keypair,
      domain,
      cluster,
      log,
      observed: peers,
      view,
      admit: ({ identity, participant }) => {
        const known = view.participant(participant);
        return (
          known !== undefined && (equalBytes(known.identity, identity) || equalBytes(known.previousIdentity, identity))
        );
      },
    }),
  );
  starting.defer(peers.watch(host));
  const mesh = starting.use(observeMesh(MESH)({ host, view, gateway, clock: systemClock }));
  starting.defer(await serveBatches({ host, db }));
  host.announce({ role: 'gateway', participant: gateway });

  const publishing = starting.use(
    publisher({ intervalMs: BATCH_INTERVAL_MS })({
      db,
      domain,
      signer: keypair,
      producer: gateway,
      clock: systemClock,
      epoch: () => view.epoch(),
      log,
      publish: (bytes) => host.publish(topics.batches, bytes),
      onStage: stages('gateway'),
      onPublished: observed.published,
    }),
  );
  const streams = starting.use(
    spareStreams({ maxIdleMs: SPARE_STREAM_MS, maxSpares: MAX_SPARE_STREAMS })({ network: host, clock: systemClock }),
  );
  const { maxRunning, maxWaiting } = config;
  const queue = starting.use(
    observeQueue({ ...QUEUE, maxRunning, maxWaiting })({
      models: () => models,
      listPrice: () => chain.listPrice(),
      clock: systemClock,
    }),
  );
  const access = accessAsker({ everyMs: ASK_ACCESS_EVERY_MS, timeoutMs: ASK_ACCESS_MS })({
    host,
    identityOf: (worker) => view.participant(worker)?.identity,
    clock: systemClock,
    log,
  });
  const market = starting.use(
    await openScheduler({
      lane: { maxRunning, maxWaiting },
      limits: {
        openMs: config.openMs,
        acceptMs: config.acceptMs,
        sealMs: config.sealMs,
        revealMs: config.revealMs,
        stragglerMs: config.stragglerMs,
      },
      weightFloor: parameters.weightFloor,
      weightCap: parameters.weightCap,
      clockToleranceMs: parameters.clockToleranceMs,
      retainMs: Math.round(config.retainHours * MS_PER_HOUR),
    })({
      db,
      domain,
      gateway,
      escrow: escrow.address,
      signer: keypair,
      verify: nativeVerifySignature,
      clock: systemClock,
      chain,
      network: streams,
      models,
      stages: queue.stages,
      log,
      onStage: stages('gateway'),
      onEntry(entry) {
        observed.entry(entry);
        queue.ended(entry.outcome.value.verdict);
        publishing.notify();
        access.onEntry(entry).catch((err: unknown) => log.error({ err }, 'Workers could not be asked for access.'));
      },
    }),
  );
  observed.watch({
    market,
    most: { maxRunning, maxWaiting },
    unpublished: () => unpublishedEntries(db),
    committedAhead: () => committedAhead(view, gateway),
    workerStates: () => announcedWorkers(host).flatMap(({ health: said }) => said?.state ?? []),
    nowMs: () => systemClock.nowMs(),
  });
  const balance = () => client.balance(keypair.publicKey, { signal });
  starting.defer(observeChain(measured, { view, participant: gateway, balance, now: () => performance.now() }));

  const committer = chainCommitter({ length: config.chainLength, epochsAhead: EPOCHS_AHEAD })({
    db,
    chain,
    log,
    commit: async (committed, options) => {
      const { addresses } = client;
      await client.send([commitChain(addresses, { identity: keypair.publicKey, gateway, ...committed })], options);
      await view.refresh(options);
    },
  });
  await committer.tick(signal);
  const closer = chainCloser({
    db,
    log,
    lastFinalised() {
      const { lastFinalisedEpoch } = view.config();
      return lastFinalisedEpoch === NONE ? undefined : lastFinalisedEpoch;
    },
    async close(epoch, options) {
      const owner = view.participant(gateway)?.owner;
      if (owner === undefined || (await client.chain(gateway, epoch, options)) === undefined) return;
      await client.send([closeChain(client.addresses, { gateway, owner, epoch })], options);
    },
  });
  const stopping = new AbortController();
  const ended = AbortSignal.any([signal, stopping.signal]);
  const stopTicking = view.onSlot(() => {
    void committer.tick(ended);
    void closer.tick(ended);
  });
  const forgetting = setInterval(() => {
    void forgetRequests(db, BigInt(Date.now())).catch((err: unknown) =>
      log.error({ err }, 'Old prompts could not be deleted.'),
    );
  }, FORGET_EVERY_MS);
  starting.defer(async () => {
    stopTicking();
    clearInterval(forgetting);
    stopping.abort();
    // What is under way has an answer before its database closes.
    await Promise.all([committer.tick(ended), closer.tick(ended)]);
  });

  const checks = health();
  checks.add({ name: 'database', kind: 'live', check: () => database.lost.throwIfAborted() });
  checks.add({ name: 'database', kind: 'ready', check: () => pingDatabase(db) });
  checks.add({ name: 'chain', kind: 'ready', check: () => checkFresh(view, CHAIN_STALE_MS) });
  checks.add({ name: 'market', kind: 'ready', check: () => market.ready() });
  checks.add({ name: 'workers', kind: 'ready', check: () => checkReachable(host, chain.workers()) });

  const bodies = epochBodies({ domain, view, readEpoch: client.epoch, host, log });
  const feeds = {
    mesh: feed(FEED)({ clock: systemClock, read: () => mesh.read() }),
    queue: feed(FEED)({ clock: systemClock, read: () => queue.read() }),
  };
  mesh.onChange(() => feeds.mesh.changed());
  queue.onChange(() => feeds.queue.changed());

  const app = createApp({
    maxBodyBytes: config.maxBodyBytes,
    defaultMaxTokens: config.defaultMaxTokens,
    deadlineMs: config.deadlineMs,
    publicUrl: config.publicUrl?.replace(/\/+$/, ''),
  })({
    market,
    page: {
      folder: PAGE_FOLDER,
      facts: {
        cluster: {
          isLocal: cluster.isLocal,
          rpcUrl: config.pageRpcUrl ?? (cluster.isLocal ? cluster.rpcUrl : undefined),
          programId,
        },
        view,
        announced: () => announcedWorkers(host),
        history: karmaHistory(HISTORY)({ view, bodies, clock: systemClock }),
      },
      feeds,
    },
    health: checks,
    metrics: measured,
    log,
    clock: systemClock,
    findKey: recentKeys({ rememberMs: KEY_MS, maxKeys: MAX_RECENT_KEYS })({
      find: (key) => findApiKey(db, key),
      clock: systemClock,
    }),
    findBundle: findBundle({ lateMs: LATE_PARTS_MS })({
      db,
      domain,
      cluster: { genesisHash: genesis, programId },
      view,
      models,
      bodies,
    }),
  });
  const server = starting.use(await listen({ app, host: config.bind, port: config.port }));
  // Before the server, which waits for what is under way.
  for (const each of Object.values(feeds)) starting.use(each);
  const started = starting.move();
  log.info(
    { url: server.url, participant: toBase58(gateway), domain: toHex(domain), store: database.kind },
    'The gateway is ready.',
  );
  return {
    url: server.url,
    participant: toBase58(gateway),
    escrow: toBase58(escrow.address),
    peerId: host.peerId,
    multiaddrs: host.addresses(),
    lost: database.lost,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** Epochs after the current one, or from 0 on before the first, whose hash chain stands on chain. */
function committedAhead(view: Pick<ChainView, 'chain' | 'epoch'>, gateway: Uint8Array): number {
  const first = (view.epoch() ?? -1n) + 1n;
  let ahead = 0;
  while (ahead < EPOCHS_AHEAD && view.chain(gateway, first + BigInt(ahead)) !== undefined) ahead++;
  return ahead;
}

function registeredGateway(view: ChainView, identity: Uint8Array): ParticipantAccount {
  const account = view.participantByIdentity(identity);
  if (account === undefined || account.role !== ROLE.gateway) {
    throw new KarmeshError('CONFIG_INVALID', 'This key is not the identity of a registered gateway.', {
      identity: toBase58(identity),
    });
  }
  return account;
}

function chosenEscrow(
  view: ChainView,
  options: { readonly gateway: Uint8Array; readonly wanted: string | undefined },
): EscrowAccount {
  const { gateway, wanted } = options;
  const own = view.escrows().filter((escrow) => equalBytes(escrow.gateway, gateway));
  const fitting = wanted === undefined ? own : own.filter(({ address }) => toBase58(address) === wanted);
  const [richest] = fitting.sort((a, b) => (escrowAvailable(a) < escrowAvailable(b) ? 1 : -1));
  if (richest === undefined) {
    throw new KarmeshError('CONFIG_INVALID', 'There is no escrow of this gateway that could pay for requests.', {
      gateway: toBase58(gateway),
      escrow: wanted,
    });
  }
  if (richest.withdrawAfterEpoch !== NONE) {
    throw new KarmeshError('CONFIG_INVALID', 'The buyer is withdrawing the escrow that should pay for requests.', {
      escrow: toBase58(richest.address),
    });
  }
  return richest;
}

function announcedWorkers(host: Pick<Host, 'announcements'>): readonly Announcement[] {
  return host.announcements().filter(({ role }) => role === 'worker');
}

/** Draws name registered workers; only those who have announced themselves can be reached. */
function checkReachable(host: Pick<Host, 'announcements'>, workers: readonly { readonly address: Uint8Array }[]): void {
  const heard = announcedWorkers(host).filter(({ participant }) =>
    workers.some(({ address }) => equalBytes(address, participant)),
  );
  const needed = Math.min(REPLICAS, workers.length);
  if (heard.length < needed) {
    throw new KarmeshError('NO_WORKERS', 'Too few workers have announced themselves.', { heard: heard.length, needed });
  }
}
