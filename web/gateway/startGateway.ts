import { fileURLToPath } from 'node:url';
import { systemClock } from '@karmesh/sdk/clock';
import { chooseCluster, parametersOf } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type Announcement, type Host, topics } from '@karmesh/sdk/network';
import { epochBodies, observeChain, observePeers, openParticipantHost } from '@karmesh/sdk/participant';
import { typedAddress } from '@karmesh/sdk/participant/staking';
import {
  associatedTokenAccount,
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
import {
  BRONZE,
  cosignerName,
  equalBytes,
  escrowAvailable,
  type ModelId,
  namedParameters,
  priceLamports,
  REPLICAS,
  toHex,
  unitPrice,
} from '@karmesh/sdk/protocol';
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
import { claimProofs } from './bundles/claimProofs.ts';
import { findBundle } from './bundles/findBundle.ts';
import { karmaHistory } from './bundles/karmaHistory.ts';
import type { GatewayConfig } from './config.ts';
import { RATE_UNITS } from './deposits/depositStore.ts';
import { finalHistory, watchDeposits } from './deposits/watchDeposits.ts';
import { ensureApiKey } from './ensureApiKey.ts';
import { listen } from './listen.ts';
import { feed } from './live/feed.ts';
import { observeMesh } from './live/observeMesh.ts';
import { observeQueue } from './live/observeQueue.ts';
import { openLog } from './log/openLog.ts';
import { observeMarket } from './observeMarket.ts';
import { readAbilities } from './openai/abilities.ts';
import { ledgerChain } from './payments/ledger/ledgerChain.ts';
import { ledgerChecks } from './payments/ledger/ledgerChecks.ts';
import { openPurse } from './payments/purse.ts';
import { recoverOthers } from './payments/recoverPurse.ts';
import { showVoucher } from './payments/vouchers/showVoucher.ts';
import { voucherDoor } from './payments/vouchers/voucherDoor.ts';
import { voucherRedeemer } from './payments/vouchers/voucherRedeemer.ts';
import { openVoucherStore } from './payments/vouchers/voucherStore.ts';
import { openX402 } from './payments/x402/openX402.ts';
import { baseFeeController } from './pricing/baseFeeController.ts';
import { earnedLanes, readKarmaLanes } from './pricing/earnedLanes.ts';
import { quotes } from './pricing/quotes.ts';
import { readOffer } from './pricing/readOffer.ts';
import { readManifest } from './readManifest.ts';
import { recentKeys } from './recentKeys.ts';
import { readAudits } from './routing/readAudits.ts';
import { runWindow } from './routing/runWindow.ts';
import { chainCloser } from './scheduler/chainCloser.ts';
import { chainCommitter } from './scheduler/chainCommitter.ts';
import { publisher } from './scheduler/publisher.ts';
import { openScheduler } from './scheduler/scheduler.ts';
import { spareStreams } from './scheduler/spareStreams.ts';
import { viewedChain } from './scheduler/viewedChain.ts';
import { serveBatches } from './serveBatches.ts';
import { openSessions } from './sessions/openSessions.ts';
import { accountById } from './store/accounts.ts';
import { findApiKey } from './store/apiKeys.ts';
import { unpublishedEntries } from './store/batches.ts';
import { newestEntries } from './store/entries.ts';
import { idempotencyKeys } from './store/idempotency.ts';
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
const MS_PER_MINUTE = 60_000;
const MS_PER_HOUR = 3_600_000;
/** Who watches the page's live pictures; a kill is seen within `gapMs` of when the network notices. */
const FEED = { maxWatchers: 64, gapMs: 100, everyMs: 2_000 };
const MESH = { maxPeers: 200, keepLostMs: 600_000, maxChanges: 32 };
/** Five minutes. */
const QUEUE = { sampleMs: 5_000, maxSamples: 60 };
/** One report is enough for who asks in time; the others are for who has read the chain a moment ago. */
const CLAIMS = { epochs: 4, fetchMs: 5_000, retryMs: 30_000 };
const HISTORY = { epochs: 12, fetchMs: 5_000, retryMs: 30_000 };
/** Credit is taken out of a key by so much beyond what a request needs, and goes back when no request has touched it for so long. */
const PURSE = { blockLamports: 1_000_000_000n, idleMs: 10_000 };
/** How far the reader of a stream may be behind; what it does not take is the gateway's loss. */
const READER = { mostTokens: 256, mostMs: 5_000 };
const BASE_FEE_MS = 1_000;
const DEPOSITS_MS = 2_000;
const DEPOSITS_PAGE = 1_000;
/** One of the gateways of a database checks its ledger; of the history of a deposit address it compares the newest transactions. */
const LEDGER_CHECKS = { lookMs: 60_000, leaseMs: 600_000, everyMs: 3_600_000, newest: 1_000 };
/** Dispatches by which workers are judged, and those of one group by which it is chosen. */
const RUN_WINDOW = { maxRuns: 2_000, groupRuns: 128 };
const AUDITS = { everyMs: 10_000, epochs: 32n, fetchMs: 10_000 };
/** A quote may be under way when it expires. */
const QUOTE_TOLERANCE_MS = 2_000;
const QUOTE_USES = 8;
/** A gateway whose place was free at two looks in a row has ended; one that lost its connection takes it again within some seconds. */
const RECOVER_OTHERS_MS = 30_000;
/** For so long a lane that was earned is not looked up again. */
const EARNED_LANE_MS = 60_000;
const IDEMPOTENCY_MS = 86_400_000;
const IDEMPOTENCY_GRACE_MS = 30_000;
/** Of one API key. */
const KEPT_ANSWERS = { maxKept: 10_000, maxKeptBytes: 67_108_864 };
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
  const database = starting.use(
    await openDatabase({ dataFolder: dataDir, databaseUrl, observe: observed.database, domain, participant: gateway }),
  );
  const { db } = database;
  if (config.apiKeyFile !== undefined)
    await ensureApiKey(db.sql, { path: config.apiKeyFile, nowMs: BigInt(Date.now()) });

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
      unitPrice: () => unitPriceOf(BRONZE),
      clock: systemClock,
    }),
  );
  const access = accessAsker({ everyMs: ASK_ACCESS_EVERY_MS, timeoutMs: ASK_ACCESS_MS })({
    host,
    identityOf: (worker) => view.participant(worker)?.identity,
    clock: systemClock,
    log,
  });
  const queueLog = starting.use(
    await openLog(
      { capacity: maxRunning },
      {
        db,
        domain,
        signer: keypair,
        host,
        cosigners: () =>
          view
            .participants()
            .filter(({ role }) => role === ROLE.validator)
            .map(({ address, identity }) => ({ name: cosignerName(address), identity })),
        verify: nativeVerifySignature,
        clock: systemClock,
        log,
      },
    ),
  );
  const purse = starting.use(await openPurse(PURSE, { db, clock: systemClock, log }));
  const { charges, lamports } = purse.recovered;
  if (charges > 0)
    log.warn(
      { charges, lamports: lamports.toString() },
      'Requests that the last process left were billed as far as they were delivered.',
    );
  const window = runWindow({ domain, ...RUN_WINDOW });
  for (const entry of await newestEntries(db, RUN_WINDOW.maxRuns)) window.add(entry);
  const retainMs = Math.round(config.retainHours * MS_PER_HOUR);
  const prices = {
    listPrice: () => chain.listPrice(),
    baseFee: (): number => fee.baseFee,
  };
  const unitPriceOf = (lane: number): bigint =>
    unitPrice({ listPrice: prices.listPrice(), lane, baseFee: prices.baseFee() });
  const vouchers = await openVoucherStore(db);
  const market = starting.use(
    await openScheduler({
      lane: { maxRunning, maxWaiting, maxWaitingPerAccount: config.maxWaitingPerAccount ?? Math.ceil(maxWaiting / 2) },
      limits: {
        openMs: config.openMs,
        acceptMs: config.acceptMs,
        sealMs: config.sealMs,
        revealMs: config.revealMs,
        stragglerMs: config.stragglerMs,
      },
      reader: READER,
      weightFloor: parameters.weightFloor,
      weightCap: parameters.weightCap,
      clockToleranceMs: parameters.clockToleranceMs,
      retainMs,
    })({
      db,
      domain,
      gateway,
      escrow: escrow.address,
      vouchers: {
        greatest: (of) => vouchers.greatest(of)?.value.cumulative ?? 0n,
        show: (order) => redeemer.show(order),
      },
      signer: keypair,
      verify: nativeVerifySignature,
      clock: systemClock,
      chain,
      network: streams,
      models,
      groupFacts: ({ candidates, engineClass, modelId }) => ({
        serving: servingAmong(host, candidates),
        standing: window.group(modelId, engineClass),
      }),
      purse,
      queueLog,
      unitPriceOf,
      stages: queue.stages,
      log,
      onStage: stages('gateway'),
      onEntry(entry) {
        observed.entry(entry);
        window.add(entry);
        queue.ended(entry.outcome.value.verdict);
        publishing.notify();
        access.onEntry(entry).catch((err: unknown) => log.error({ err }, 'Workers could not be asked for access.'));
      },
    }),
  );
  const redeeming = new AbortController();
  starting.defer(() => redeeming.abort());
  const redeemer = voucherRedeemer({
    chain,
    vouchers,
    escrows: market.escrows,
    redeem: showVoucher({ client, view, domain }),
    onRedeemed: observed.redeemed,
    log,
    signal: redeeming.signal,
  });
  const { baseFeeCeiling: ceiling, baseFeeTarget: target } = config;
  const fee = starting.use(
    baseFeeController({ target, ceiling, intervalMs: BASE_FEE_MS })({
      clock: systemClock,
      // L-06
      waiting: () => market.waitingUpTo(Math.ceil(target / 2)),
      onChange: (thousandths) => queueLog.mention({ kind: 'base-fee', thousandths, atMs: BigInt(systemClock.nowMs()) }),
    }),
  );
  const offers = quotes({ validMs: config.quoteMs, toleranceMs: QUOTE_TOLERANCE_MS, maxUses: QUOTE_USES })({
    ...prices,
    domain,
    gateway,
    signer: keypair,
    verify: nativeVerifySignature,
    clock: systemClock,
    identityOf: (asked) => (equalBytes(asked, gateway) ? keypair.publicKey : undefined),
  });
  const rates = () => ({
    sol: RATE_UNITS,
    token: config.tokenRate === undefined ? undefined : BigInt(config.tokenRate),
  });
  const { tokenMint } = view.config();
  const wallet =
    config.depositAddress === undefined ? account.owner : typedAddress(config.depositAddress, 'depositAddress');
  const addresses = {
    sol: wallet,
    token: config.tokenRate === undefined ? undefined : associatedTokenAccount(wallet, tokenMint),
  };
  starting.use(
    watchDeposits({ everyMs: DEPOSITS_MS, pageSize: DEPOSITS_PAGE })({
      sql: db.sql,
      gateway,
      addresses,
      ignored: [programId],
      history: finalHistory(connection, { signal }),
      rates,
      clock: systemClock,
      log,
    }),
  );
  const ledger = starting.use(
    ledgerChecks(LEDGER_CHECKS)({
      sql: db.sql,
      chain: ledgerChain(client, connection, { signal }),
      ignored: [programId],
      clock: systemClock,
      log,
    }),
  );
  const earned = earnedLanes({ lanes: readKarmaLanes(config.karmaLanes), keepMs: EARNED_LANE_MS })({
    walletOf: async (accountId) => (await accountById(db.sql, accountId)).walletAddress,
    participants: () => view.participants(),
    slot: () => view.slot(),
    parameters: () => namedParameters(view.config().parameters),
    unitPriceOf,
    clock: systemClock,
  });
  const offerOf = (quote: string, modelId: ModelId) => readOffer(offers, quote, modelId);
  const voucherOrders = voucherDoor({
    domain,
    gateway,
    ownEscrow: escrow.address,
    verify: nativeVerifySignature,
    clock: systemClock,
    escrow: (address) => view.escrow(address),
    vouchers,
    escrows: market.escrows,
    unitPriceOf,
  });
  const x402 = config.x402
    ? starting.use(
        await openX402(
          {
            isLocal: cluster.isLocal,
            mint: tokenMint,
            payTo: wallet,
            tokenRate: rates().token,
            pollMs: config.pollMs,
          },
          {
            ...{ connection, gateway, genesis, log, offerOf, quotes: offers, signal, signer: keypair },
            clock: systemClock,
            sql: db.sql,
            upto: { domain, program: toBase58(programId), vouchers: voucherOrders },
          },
        ),
      )
    : undefined;
  observed.watch({
    market,
    most: { maxRunning, maxWaiting },
    unpublished: () => unpublishedEntries(db),
    committedAhead: () => committedAhead(view, gateway),
    workerStates: () => announcedWorkers(host).flatMap(({ health: said }) => said?.state ?? []),
    unredeemed: () => redeemer.unredeemed(),
    ledgerDifferences: () => ledger.differences(),
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
    lastFinalised: chain.lastFinalisedEpoch,
    async close(epoch, options) {
      const owner = view.participant(gateway)?.owner;
      if (owner === undefined || (await client.chain(gateway, epoch, options)) === undefined) return;
      await client.send([closeChain(client.addresses, { gateway, owner, epoch })], options);
    },
  });
  const idempotency = idempotencyKeys({
    leaseMs: config.deadlineMs + IDEMPOTENCY_GRACE_MS,
    keepMs: Math.min(IDEMPOTENCY_MS, retainMs),
    ...KEPT_ANSWERS,
  })({ db, clock: systemClock });
  const sessions = await openSessions({
    lifeMs: Math.round(config.sessionHours * MS_PER_HOUR),
    maxNewAccounts: config.newWalletsPerHour,
  })({ sql: db.sql, genesis, verify: nativeVerifySignature, clock: systemClock });
  const stopping = new AbortController();
  const ended = AbortSignal.any([signal, stopping.signal]);
  const stopTicking = view.onSlot(() => {
    for (const { tick } of [committer, closer, redeemer])
      tick(ended).catch((err: unknown) => log.error({ err }, 'What follows the chain could not be done.'));
  });
  const forgetting = setInterval(() => {
    void Promise.all([forgetRequests(db, BigInt(Date.now())), idempotency.sweep(), sessions.sweep()]).catch(
      (err: unknown) => log.error({ err }, 'Old prompts, answers and sessions could not be deleted.'),
    );
  }, FORGET_EVERY_MS);
  const seenFree = new Set<string>();
  let recovering: Promise<void> = Promise.resolve();
  const lookForDead =
    databaseUrl === undefined
      ? undefined
      : setInterval(() => {
          recovering = recovering.then(async () => {
            try {
              const nowMs = BigInt(Date.now());
              for (const { gateway: dead, charges, lamports } of await recoverOthers({
                db,
                databaseUrl,
                nowMs,
                seenFree,
              }))
                log.warn(
                  { gateway: toHex(dead), charges, lamports: lamports.toString() },
                  'A gateway that has ended was billed out, and the credit that it had set aside is free.',
                );
            } catch (err) {
              log.warn({ err }, 'What gateways that have ended left behind could not be looked for.');
            }
          });
        }, RECOVER_OTHERS_MS);
  starting.defer(async () => {
    stopTicking();
    clearInterval(forgetting);
    clearInterval(lookForDead);
    await recovering;
    stopping.abort();
    // What is under way has an answer before its database closes.
    await Promise.allSettled([committer.tick(ended), closer.tick(ended), redeemer.tick(ended)]);
  });

  const lost = AbortSignal.any([database.lost, queueLog.lost]);
  const checks = health();
  checks.add({ name: 'database', kind: 'live', check: () => lost.throwIfAborted() });
  checks.add({ name: 'database', kind: 'ready', check: () => pingDatabase(db) });
  checks.add({ name: 'chain', kind: 'ready', check: () => checkFresh(view, CHAIN_STALE_MS) });
  checks.add({ name: 'market', kind: 'ready', check: () => market.ready() });
  checks.add({ name: 'workers', kind: 'ready', check: () => checkReachable(host, chain.workers()) });

  const bodies = epochBodies({ domain, view, readEpoch: client.epoch, host, log });
  starting.use(
    readAudits(AUDITS)({
      ...{ bodies, log, lastFinalised: chain.lastFinalisedEpoch },
      clock: systemClock,
      onVerdict: window.addVerdict,
    }),
  );
  const feeds = {
    mesh: feed(FEED)({ clock: systemClock, read: () => mesh.read() }),
    queue: feed(FEED)({ clock: systemClock, read: () => queue.read() }),
  };
  mesh.onChange(() => feeds.mesh.changed());
  queue.onChange(() => feeds.queue.changed());

  const rate = { requests: config.keyRequestsPerMinute, tokens: config.keyTokensPerMinute, perMs: MS_PER_MINUTE };
  const app = createApp({
    maxBodyBytes: config.maxBodyBytes,
    defaultMaxTokens: config.defaultMaxTokens,
    deadlineMs: config.deadlineMs,
    abilities: readAbilities(config.abilities),
    unpaidPerAddress: { most: config.unpaidPerMinute, perMs: MS_PER_MINUTE },
    unpaidInAll: { most: config.unpaidPerMinuteInAll, perMs: MS_PER_MINUTE },
    clientAddressHeader: config.clientAddressHeader,
    allowOrigins: config.allowOrigin,
    publicUrl: config.publicUrl?.replace(/\/+$/, ''),
  })({
    market,
    pricing: {
      ...prices,
      quotes: offers,
      waitingByLane: () => market.waitingByLane,
      terms: {
        baseFeeTarget: target,
        baseFeeCeiling: ceiling,
        baseFeeStepMs: BASE_FEE_MS,
        quoteMs: config.quoteMs,
      },
    },
    account: {
      sql: db.sql,
      domain,
      gateway,
      signer: keypair,
      clock: systemClock,
      addresses,
      mint: config.tokenRate === undefined ? undefined : tokenMint,
      rates,
      offerMs: config.depositOfferMs,
      sessions,
    },
    offerOf: (quote, modelId, how) => readOffer({ check: how === 'use' ? offers.use : offers.check }, quote, modelId),
    earnedLanes: earned,
    workers: { view, announced: () => announcedWorkers(host), window },
    x402,
    vouchers: voucherOrders,
    prices: ({ manifest }) => {
      const { activeParameters } = manifest;
      const terms = { unitPrice: unitPriceOf(BRONZE), activeParameters };
      return {
        prompt: priceLamports({ ...terms, promptTokens: 1_000, outputTokens: 0 }),
        output: priceLamports({ ...terms, promptTokens: 0, outputTokens: 1_000 }),
      };
    },
    rateOf: () => rate,
    queueLog: queueLog.routes,
    idempotency,
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
      claims: claimProofs(CLAIMS)({ domain, view, bodies, clock: systemClock }),
      feeds,
    },
    health: checks,
    metrics: measured,
    log,
    clock: systemClock,
    findKey: recentKeys({ rememberMs: KEY_MS, maxKeys: MAX_RECENT_KEYS })({
      find: (key) => findApiKey(db.sql, { key, nowMs: BigInt(systemClock.nowMs()) }),
      clock: systemClock,
    }),
    findBundle: findBundle({ lateMs: LATE_PARTS_MS })({
      db,
      isWithheld: (requestId) => market.isWithheld(requestId),
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
    lost,
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

/** How many of these announce that they take requests. */
function servingAmong(
  host: Pick<Host, 'announcements'>,
  candidates: readonly { readonly participant: Uint8Array }[],
): number {
  const serving = announcedWorkers(host).filter(({ health }) => health === undefined || health.state === 'serving');
  return candidates.filter((candidate) =>
    serving.some(({ participant }) => equalBytes(participant, candidate.participant)),
  ).length;
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
