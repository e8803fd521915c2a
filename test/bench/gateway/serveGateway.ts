import { systemClock } from '@karmesh/sdk/clock';
import { health, type Logger, logger, metrics } from '@karmesh/sdk/runtime';
import { createApp, listen } from '../../../web/gateway/app.ts';
import type { Market } from '../../../web/gateway/market.ts';
import { fundedKey } from '../../../web/gateway/payments/fixtures/fundedKey.ts';
import { openPurse, type Purse } from '../../../web/gateway/payments/purse.ts';
import { recentKeys } from '../../../web/gateway/recentKeys.ts';
import { findApiKey } from '../../../web/gateway/store/apiKeys.ts';
import { idempotencyKeys } from '../../../web/gateway/store/idempotency.ts';
import { type Database, openDatabase } from '../../../web/gateway/store/openDatabase.ts';
import { answerMemory } from './memoryAsked.ts';
import { domain, type StandingGateway } from './standingChain.ts';

/** What a gateway of this bench has besides its market. */
export type GatewayParts = {
  readonly gateway: StandingGateway;
  readonly database: Database;
  readonly purse: Purse;
  readonly log: Logger;
};

export type ServedGateway = {
  readonly folder: string;
  /** Empty for the embedded database. */
  readonly databaseUrl: string;
  readonly gateway: StandingGateway;
  /** Whether the bench's buyer is to be made, whose key has no cap. */
  readonly hasBuyer?: true;
};

const BUYER = { name: 'bench', lamports: 10n ** 15n };
/** As startGateway has it. */
const PURSE = { blockLamports: 1_000_000_000n, idleMs: 10_000 };
const KEYS = { rememberMs: 2_000, maxKeys: 4_096 };
const MAX_BODY_BYTES = 2_000_000;
const DEFAULT_MAX_TOKENS = 256;
const DEADLINE_MS = 300_000;
const IDEMPOTENCY = { leaseMs: 330_000, keepMs: 86_400_000, maxKept: 10_000, maxKeptBytes: 67_108_864 };

/**
 * The gateway's HTTP interface over `openMarket`'s market: keys from the store, a rate (which is never reached), idempotency keys, credits from the
 * purse on `databaseUrl`'s database or the embedded one, metrics, and a line of the log for each answer. Tells the parent its URL, and ends with it. Disposing
 * ends what runs, and has it billed.
 */
export async function serveGateway(
  { databaseUrl, folder, gateway, hasBuyer }: ServedGateway,
  openMarket: (parts: GatewayParts) => Promise<Market & Partial<AsyncDisposable>>,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const log = logger({ name: 'gateway' })();
  const database = stack.use(
    await openDatabase({
      dataFolder: folder,
      databaseUrl: databaseUrl || undefined,
      domain,
      participant: gateway.address,
    }),
  );
  if (hasBuyer) await fundedKey(database.sql, BUYER);
  const purse = stack.use(await openPurse(PURSE, { db: database.db, clock: systemClock, log }));
  const market = await openMarket({ gateway, database, purse, log });
  stack.defer(async () => market[Symbol.asyncDispose]?.());
  const app = createApp({
    maxBodyBytes: MAX_BODY_BYTES,
    defaultMaxTokens: DEFAULT_MAX_TOKENS,
    deadlineMs: DEADLINE_MS,
  })({
    market,
    health: health(),
    metrics: metrics(),
    log,
    clock: systemClock,
    rateOf: () => ({ requests: 1_000_000, perMs: 1_000 }),
    idempotency: idempotencyKeys(IDEMPOTENCY)({ db: database.db, clock: systemClock }),
    findKey: recentKeys(KEYS)({
      find: (key) => findApiKey(database.sql, { key, nowMs: BigInt(Date.now()) }),
      clock: systemClock,
    }),
    findBundle: async () => undefined,
  });
  const { url } = stack.use(await listen({ app, host: '127.0.0.1', port: 0 }));
  answerMemory();
  process.send?.({ url: `${url}/v1` });
  return stack.move();
}
