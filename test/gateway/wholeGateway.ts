import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@karmesh/sdk/clock';
import { type ConfigAccount, NONE } from '@karmesh/sdk/program';
import { generateKeypair, logger, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { RATE_UNITS } from '../../web/gateway/deposits/depositStore.ts';
import { openLog } from '../../web/gateway/log/openLog.ts';
import { quotes } from '../../web/gateway/pricing/quotes.ts';
import { readOffer } from '../../web/gateway/pricing/readOffer.ts';
import { runWindow } from '../../web/gateway/routing/runWindow.ts';
import { openSessions } from '../../web/gateway/sessions/openSessions.ts';
import { addAccount } from '../../web/gateway/store/accounts.ts';
import { addApiKey, findApiKey } from '../../web/gateway/store/apiKeys.ts';
import { openTestDatabase } from '../../web/gateway/store/fixtures/testDatabase.ts';
import { idempotencyKeys } from '../../web/gateway/store/idempotency.ts';
import { API_KEY, type ScriptedGateway, startScriptedGateway } from '../openai/scriptedMarket.ts';

const bytes = (fill: number) => new Uint8Array(32).fill(fill);

/**
 * A gateway with all of its routes on a real socket: tables, log, prices, accounts, idempotency keys and a page, and a market that follows a script
 * (`startScriptedGateway`) over a chain that stands still. Its live feeds end after one event.
 */
export async function startWholeGateway(): Promise<ScriptedGateway> {
  await using stack = new AsyncDisposableStack();
  const { db, sql } = stack.use(await openTestDatabase());
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-page-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html>\n');
  await writeFile(join(folder, 'assets', 'page.js'), '\n');
  const { id: accountId } = await addAccount(sql, {
    name: 'acme',
    walletAddress: bytes(8),
    creditLimitLamports: 1_000_000n,
    createdAtMs: 1n,
  });
  await addApiKey(sql, { key: API_KEY, name: 'web', nowMs: 1n, accountId });
  const clock = systemClock;
  const log = logger({ name: 'gateway', level: 'silent' })();
  const signer = generateKeypair();
  const own = { domain: bytes(1), gateway: db.gateway, signer, clock };
  const queueLog = stack.use(
    await openLog(
      { capacity: 4 },
      {
        ...own,
        db,
        host: { openStream: () => Promise.reject(new Error('There are no validators.')) },
        cosigners: () => [],
        verify: nativeVerifySignature,
        log,
      },
    ),
  );
  for (let ticketNumber = 1n; ticketNumber <= 40n; ticketNumber++) {
    const ticketHash = bytes(Number(ticketNumber));
    const atMs = BigInt(clock.nowMs());
    queueLog.append({ kind: 'enter', ticketHash, ticketNumber, lane: 5, accountTag: bytes(9), atMs });
    queueLog.append({ kind: 'start', ticketHash, ticketNumber, atMs });
    queueLog.append({ kind: 'leave', ticketNumber, reason: 'finished', atMs });
  }
  await queueLog.flushed();
  const prices = { listPrice: () => 20_000n, baseFee: () => 1_000 };
  const offers = quotes({ validMs: 60_000, toleranceMs: 1_000, maxUses: 8 })({
    ...own,
    ...prices,
    verify: nativeVerifySignature,
    identityOf: () => signer.publicKey,
  });
  let hours = 500_000;
  const once = {
    changed: () => {},
    watch() {
      const events = ['{}'];
      return { next: async () => events.shift(), [Symbol.dispose]: () => {} };
    },
    [Symbol.dispose]: () => {},
  };
  const sessions = await openSessions({ lifeMs: 60_000, maxNewAccounts: 1_000 })({
    sql,
    genesis: bytes(4),
    verify: nativeVerifySignature,
    clock,
  });
  const gateway = stack.use(
    await startScriptedGateway({
      parts: {
        clock,
        findKey: (key) => findApiKey(sql, { key, nowMs: BigInt(clock.nowMs()) }),
        findBundle: async ({ requestId }) => (requestId[0] === 1 ? { format: 1 } : undefined),
        offerOf: (quote, modelId) => readOffer(offers, quote, modelId),
        pricing: {
          ...prices,
          quotes: offers,
          terms: { baseFeeTarget: 16, baseFeeCeiling: 8_000, baseFeeStepMs: 1_000, quoteMs: 60_000 },
          waitingByLane: () => [0, 0, 0, 0, 0, 0],
        },
        account: {
          ...own,
          // An hour for each look at it: no rate of offers is ever used up.
          clock: {
            nowMs() {
              hours += 1;
              return hours * 3_600_000;
            },
          },
          sql,
          addresses: { sol: bytes(7), token: undefined },
          mint: undefined,
          rates: () => ({ sol: RATE_UNITS, token: undefined }),
          offerMs: 60_000,
          sessions,
        },
        idempotency: idempotencyKeys({ leaseMs: 60_000, keepMs: 60_000, maxKept: 1_000, maxKeptBytes: 10_000_000 })({
          db,
          clock,
        }),
        queueLog: queueLog.routes,
        workers: {
          view: { participants: () => [] },
          announced: () => [],
          window: runWindow({ domain: own.domain, maxRuns: 1, groupRuns: 1 }),
        },
        page: {
          folder,
          facts: {
            cluster: { isLocal: true, rpcUrl: undefined, programId: bytes(2) },
            view: {
              slot: () => 100n,
              epoch: () => 3n,
              config: () => ({ genesis: bytes(3), lastFinalisedEpoch: NONE }) as unknown as ConfigAccount,
              participants: () => [],
              epochAccount: () => undefined,
            },
            announced: () => [],
            history: { read: async () => [] },
          },
          claims: { find: async () => ({ found: 'not-final' }) },
          feeds: { mesh: once, queue: once },
        },
      },
    }),
  );
  const owned = stack.move();
  return { ...gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
