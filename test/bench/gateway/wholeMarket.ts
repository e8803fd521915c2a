import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '@karmesh/sdk/clock';
import { createHost, topics } from '@karmesh/sdk/network';
import { LEAST_BASE_FEE, REPLICAS, unitPrice } from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import { openLog } from '../../../web/gateway/log/openLog.ts';
import { runWindow } from '../../../web/gateway/routing/runWindow.ts';
import { publisher } from '../../../web/gateway/scheduler/publisher.ts';
import { requestStages } from '../../../web/gateway/scheduler/requestStages.ts';
import { openScheduler, type Scheduler } from '../../../web/gateway/scheduler/scheduler.ts';
import { spareStreams } from '../../../web/gateway/scheduler/spareStreams.ts';
import { keepChain } from '../../../web/gateway/store/chains.ts';
import type { GatewayParts } from './serveGateway.ts';
import { chainSecretOf, domain, model, offchain, standingChain } from './standingChain.ts';

const MAX_RUNNING = 64;
const LANE = { maxRunning: MAX_RUNNING, maxWaiting: 256 };
const EPOCHS = 120n;
const RETAIN_MS = 86_400_000;
/** As startGateway and the gateway's settings have them. */
const RUN_WINDOW = { maxRuns: 2_000, groupRuns: 128 };
const READER = { mostTokens: 256, mostMs: 5_000 };
const LIMITS = { openMs: 1_500, acceptMs: 2_500, sealMs: 120_000, revealMs: 10_000, stragglerMs: 2_000 };

/**
 * The market of the whole gateway, as startGateway puts it together, but for a chain that stands still: tickets, lanes, the queue's log, draws, three signed
 * answers that are checked, receipts, entries on disk, batches that are gossiped. Resolves once three workers are there.
 */
export async function openWholeMarket(
  { database, gateway, log, purse }: GatewayParts,
  options: {
    /** When slot 0 began, by the wall clock. */
    readonly beganMs: number;
    readonly bootstrap: readonly string[];
    /** Told where the gateway is reached, before it waits. */
    readonly onHost?: (address: string | undefined) => void;
  },
): Promise<Scheduler> {
  const { db } = database;
  const chain = standingChain(options.beganMs);
  const market = chain.market(gateway);
  for (let epoch = 0n; epoch < EPOCHS; epoch++)
    await keepChain(db, { epoch, ...chainSecretOf(gateway.address, epoch) });
  const host = await createHost({
    keypair: gateway.keypair,
    domain,
    bootstrap: options.bootstrap,
    localnet: true,
    verify: nativeVerifySignature,
  });
  options.onHost?.(host.addresses()[0]);
  while (host.announcements().filter(({ role }) => role === 'worker').length < REPLICAS) await pause(50);
  const signing = { db, domain, signer: gateway.keypair, clock: systemClock, log };
  const publishing = publisher({ intervalMs: 1_000 })({
    ...signing,
    producer: gateway.address,
    epoch: chain.epoch,
    publish: (bytes) => host.publish(topics.batches, bytes),
  });
  const queueLog = await openLog(
    { capacity: MAX_RUNNING },
    { ...signing, host, cosigners: () => [], verify: nativeVerifySignature },
  );
  const window = runWindow({ domain, ...RUN_WINDOW });
  return openScheduler({
    lane: LANE,
    limits: LIMITS,
    reader: READER,
    weightFloor: offchain.weightFloor,
    weightCap: offchain.weightCap,
    clockToleranceMs: offchain.clockToleranceMs,
    retainMs: RETAIN_MS,
  })({
    ...signing,
    gateway: gateway.address,
    escrow: gateway.escrow,
    verify: nativeVerifySignature,
    chain: market,
    network: spareStreams({ maxIdleMs: 5_000, maxSpares: 64 })({ network: host, clock: systemClock }),
    models: [model],
    purse,
    queueLog,
    unitPriceOf: (lane) => unitPrice({ listPrice: market.listPrice(), lane, baseFee: LEAST_BASE_FEE }),
    stages: requestStages(),
    groupFacts: ({ engineClass, modelId }) => ({ serving: REPLICAS, standing: window.group(modelId, engineClass) }),
    onEntry(entry) {
      window.add(entry);
      publishing.notify();
    },
  });
}
