import type { Clock } from '@karmesh/sdk/clock';
import type { Logger } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manualClock } from '../../scheduler/fixtures/manualClock.ts';
import { openTestDatabase, type TestDatabase } from '../../store/fixtures/testDatabase.ts';
import { fundedKey } from '../fixtures/fundedKey.ts';
import type { LedgerChain } from './compareWithChain.ts';
import { ledgerChecks } from './ledgerChecks.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
  await fundedKey(database.sql, { name: 'buyer', lamports: 1_000n });
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

const HOUR = 3_600_000;
const LOOK = 600_000;
const nothing: LedgerChain = {
  history: { signatures: async () => [], transaction: async () => null },
  cumulativeDebit: async () => undefined,
  lastFinalisedEpoch: async () => undefined,
};

/** Time that moves from look to look, once each of so many gateways has looked and waits for the next. */
function steps(gateways: number) {
  const clock = manualClock();
  let waits = 0;
  const counted: Clock = {
    nowMs: clock.nowMs,
    alarm(ms, ring) {
      waits += 1;
      return clock.alarm(ms, ring);
    },
  };
  let looks = 0;
  const looked = async (): Promise<void> => {
    looks += gateways;
    await expect.poll(() => waits, { timeout: 30_000 }).toBe(looks);
  };
  return {
    clock: counted,
    looked,
    async pass(count: number): Promise<void> {
      for (let step = 0; step < count; step++) {
        await clock.pass(LOOK);
        await looked();
      }
    },
  };
}

/** A gateway that checks, and what it logged. */
function gateway(clock: Clock, isAway = () => false) {
  const said: string[] = [];
  const say = (_: unknown, sentence = ''): void => void said.push(sentence);
  let checks = 0;
  const checking = ledgerChecks({ lookMs: LOOK, leaseMs: 3 * LOOK, everyMs: HOUR, newest: 10 })({
    sql: database.sql,
    chain: {
      ...nothing,
      async lastFinalisedEpoch() {
        checks += 1;
        if (isAway()) throw new Error('The node is away.');
        return undefined;
      },
    },
    ignored: [],
    clock,
    log: { info: say, warn: say, error: say } as unknown as Logger,
  });
  return { checking, said, checks: () => checks };
}

const balance = (lamports: bigint) =>
  database.sql.updateTable('balances').set({ lamports }).where('account', '=', 'granted').execute();

test('one of two gateways checks every hour; what it found both say', async () => {
  const { clock, looked, pass } = steps(2);
  const [one, other] = [gateway(clock), gateway(clock)];
  await using _one = one.checking;
  await using _other = other.checking;
  const passed = async (count: number): Promise<number> => {
    await pass(count);
    return one.checks() + other.checks();
  };
  await looked();
  expect(await passed(0)).toBe(1);
  expect(await passed(5)).toBe(1);
  await balance(-999n);
  expect(await passed(2)).toBe(2);
  const sentences = [...one.said, ...other.said];
  expect(sentences).toEqual(['The ledger is not what it stands for.']);
  expect([await one.checking.differences(), await other.checking.differences()]).toEqual([1, 1]);
  await balance(-1_000n);
  expect(await passed(7)).toBe(3);
  expect([await one.checking.differences(), await other.checking.differences()]).toEqual([0, 0]);
  await database.sql.deleteFrom('jobs').execute();
});

test('a check that cannot be made is made again after its lease', async () => {
  const { clock, looked, pass } = steps(1);
  let isAway = true;
  const one = gateway(clock, () => isAway);
  await using _one = one.checking;
  await looked();
  expect(one.checks()).toBe(1);
  await pass(3);
  expect(one.checks()).toBe(2);
  expect(one.said).toEqual(['The ledger cannot be checked at present.', 'The ledger cannot be checked at present.']);
  isAway = false;
  await pass(3);
  expect(one.checks()).toBe(3);
  expect(await one.checking.differences()).toBe(0);
});
