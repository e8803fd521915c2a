import type { Announcement } from '@karmesh/sdk/network';
import {
  type ChainView,
  EPOCH_STATE,
  type EpochAccount,
  NONE,
  type ParticipantAccount,
  ROLE,
} from '@karmesh/sdk/program';
import { equalBytes, fromHex, KARMA_PARTS, type KarmaVector, ownBond, toHex } from '@karmesh/sdk/protocol';
import bs58 from 'bs58';
import { Hono } from 'hono';
import type { KarmaHistory } from '../bundles/karmaHistory.ts';

export type AnnouncedWorker = Pick<Announcement, 'participant' | 'incarnation' | 'models' | 'health'>;

export type MarketFactParts = {
  readonly cluster: {
    readonly isLocal: boolean;
    /** Where a page may read the chain itself; undefined where the gateway's own node is not for everybody. */
    readonly rpcUrl: string | undefined;
    readonly programId: Uint8Array;
  };
  readonly view: Pick<ChainView, 'slot' | 'epoch' | 'config' | 'participants' | 'epochAccount'>;
  /** What the workers that have announced themselves to this gateway say. */
  announced(): readonly AnnouncedWorker[];
  readonly history: KarmaHistory;
};

/** Rows of one answer at most; its `total` says how many there are. */
const MAX_WORKERS = 200;
const MAX_EPOCHS = 16n;
const MAX_EARNERS = 500;
const EPOCH_STATES = new Map<number, string>(Object.entries(EPOCH_STATE).map(([name, value]) => [value, name]));

/**
 * `GET /v1/market`, `/v1/market/workers`, `/v1/market/epochs`: what this gateway last read from the chain, for people who watch. It is
 * public there, so that no key is needed; every row names its account, where anyone can read the same. `/v1/market/karma` is who earned
 * what in the last final epochs, from the reports whose hashes stand on chain.
 */
export const marketFactRoutes = (parts: MarketFactParts) => {
  const { cluster, view } = parts;
  return new Hono()
    .use('/v1/market/*', async (context, next) => {
      context.header('cache-control', 'no-store');
      await next();
    })
    .get('/v1/market', (context) => {
      const config = view.config();
      const count = (role: number) => view.participants().filter((each) => each.role === role).length;
      return context.json({
        cluster: {
          isLocal: cluster.isLocal,
          rpcUrl: cluster.rpcUrl ?? null,
          programId: bs58.encode(cluster.programId),
          genesisHash: bs58.encode(config.genesis),
        },
        slot: view.slot().toString(),
        epoch: view.epoch()?.toString() ?? null,
        lastFinalisedEpoch: config.lastFinalisedEpoch === NONE ? null : config.lastFinalisedEpoch.toString(),
        workers: count(ROLE.worker),
        validators: count(ROLE.validator),
        gateways: count(ROLE.gateway),
      });
    })
    .get('/v1/market/workers', (context) => {
      const workers = view.participants().filter(({ role }) => role === ROLE.worker);
      const announced = parts.announced();
      const rows = workers.slice(0, MAX_WORKERS).map((worker) =>
        workerFacts(
          worker,
          announced.find(({ participant }) => equalBytes(participant, worker.address)),
        ),
      );
      return context.json({ total: workers.length, workers: rows });
    })
    .get('/v1/market/epochs', (context) => {
      const current = view.epoch();
      const rows: ReturnType<typeof epochFacts>[] = [];
      for (let age = 1n; current !== undefined && age <= MAX_EPOCHS && age <= current; age++) {
        const account = view.epochAccount(current - age);
        if (account !== undefined) rows.push(epochFacts(account));
      }
      return context.json({ current: current?.toString() ?? null, epochs: rows });
    })
    .get('/v1/market/karma', async (context) => {
      const epochs = (await parts.history.read()).map(({ epoch, earned }) => ({
        epoch: epoch.toString(),
        total: earned.size,
        earned: [...earned]
          .slice(0, MAX_EARNERS)
          .map(([participant, karma]) => ({ address: bs58.encode(fromHex(participant)), karma: karmaFacts(karma) })),
      }));
      return context.json({ epochs });
    });
};

function workerFacts(worker: ParticipantAccount, announced: AnnouncedWorker | undefined) {
  return {
    address: bs58.encode(worker.address),
    isReachable: announced !== undefined,
    /** N-11: the worker's own word, which nobody checks and nothing that is paid depends on. All the rest is on chain. */
    selfReported: announced === undefined ? null : selfReported(announced),
    activeFromEpoch: worker.activeFromEpoch.toString(),
    bondLamports: ownBond(worker).toString(),
    /** Micro-karma as of `karmaSlot`; it halves with time until the worker next claims. */
    karma: karmaFacts(worker.karma),
    karmaSlot: worker.karmaSlot.toString(),
    /** Micro-karma that was ever claimed, which does not halve. */
    lifetimeKarma: karmaFacts(worker.lifetime),
    paidLamports: worker.lifetimePaid.toString(),
    engineClass: toHex(worker.engineClass),
    models: worker.models.map(toHex),
  };
}

function selfReported({ incarnation, models, health }: AnnouncedWorker) {
  return {
    incarnation: incarnation.toString(),
    models: models.map(toHex),
    health:
      health === undefined
        ? null
        : {
            ...health,
            residentBytes: health.residentBytes.toString(),
            milliTokensPerSecond: health.milliTokensPerSecond.toString(),
          },
  };
}

function karmaFacts(karma: KarmaVector) {
  return Object.fromEntries(KARMA_PARTS.map((part, i) => [part, (karma[i] ?? 0n).toString()]));
}

/** Fields that a later step of the epoch writes are null until then. */
function epochFacts(account: EpochAccount) {
  const since = <T>(state: number, value: T): T | null => (account.state >= state ? value : null);
  return {
    epoch: account.epoch.toString(),
    address: bs58.encode(account.address),
    state: EPOCH_STATES.get(account.state) ?? 'unknown',
    entryCount: account.entryCount,
    manifestHash: toHex(account.manifestHash),
    receiptSetRoot: toHex(account.receiptSetRoot),
    totalStake: account.totalStake.toString(),
    attestedStake: account.attestedStake.toString(),
    beacon: since(EPOCH_STATE.beacon, toHex(account.beacon)),
    verdictCount: since(EPOCH_STATE.verdicts, account.verdictCount),
    root: since(EPOCH_STATE.reported, toHex(account.root)),
    reportHash: since(EPOCH_STATE.reported, toHex(account.reportHash)),
    settledLamports: since(EPOCH_STATE.finalised, account.settledLamports.toString()),
    finalisedSlot: since(EPOCH_STATE.finalised, account.finalisedSlot.toString()),
  };
}
