import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stdout } from 'node:process';
import { expect } from 'vitest';
import { fundedKey } from '../../../web/gateway/payments/fixtures/fundedKey.ts';
import { startPostgres } from '../../../web/gateway/store/fixtures/startPostgres.ts';
import { openSharedDatabase } from '../../../web/gateway/store/openDatabase.ts';
import { standingChain } from '../../bench/gateway/standingChain.ts';
import { type BillsCheck, checkBills } from './checkBills.ts';
import { checkStreams } from './checkStreams.ts';
import { runStreams } from './runStreams.ts';

const GRANTED = 10n ** 15n;
const SEED = 20_261_123;

/**
 * Runs `count` streams that are left at random tokens on two gateways, one of which is killed `kills` times and one held up `stalls` times, and compares what was billed
 * with what was signed, written and read.
 */
export async function abortedStreams(options: {
  readonly count: number;
  readonly kills: number;
  readonly stalls: number;
}): Promise<BillsCheck> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-streams-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const server = stack.use(await startPostgres());
  const databaseUrl = server.url;
  const database = stack.use(await openSharedDatabase({ dataFolder: join(folder, 'shared'), databaseUrl }));
  const { sql } = database;
  const key = await fundedKey(sql, { name: 'shared', lamports: GRANTED });
  const beganMs = Date.now();
  const run = await runStreams({ ...options, seed: SEED, folder, databaseUrl, apiKey: 'sk-shared', beganMs });
  const bills = await checkBills(sql, { ...key, chain: standingChain(beganMs), granted: GRANTED });
  const seen = checkStreams(run.streams, bills);
  expect([...bills.faults, ...seen.faults]).toEqual([]);
  expect(run).toMatchObject({ kills: options.kills, stalls: options.stalls, endings: [0, 0] });
  expect(run.streams.length).toBe(options.count);
  // A stalled gateway's workers are lost to it, and with them the streams of that moment.
  expect(bills.unagreed.size).toBeLessThan(options.count / 10);
  expect(bills.settled).toBeGreaterThan(0n);
  const { billed, written } = seen.afterLeaving;
  stdout.write(
    `${[
      `${options.count} streams, ${bills.entries} entries, ${bills.bills.size} bills, ${bills.withoutEntry} of them without an entry, ${bills.unagreed.size} requests on which no two workers agreed (seed ${SEED})`,
      `billed ${bills.billed} lamports, settled ${bills.settled}, margin ${bills.margin}`,
      `tokens billed that a client had not read when it left: ${summary(billed)}; bound, what was under way to its socket: ${summary(written)}`,
      `tokens that were read of a gateway that was killed and nobody billed: ${summary(seen.unbilled)}`,
    ].join('\n')}\n`,
  );
  return bills;
}

function summary(counts: readonly number[]): string {
  const sorted = [...counts].sort((a, b) => a - b);
  const sum = sorted.reduce((all, count) => all + count, 0);
  return `${sum} in ${counts.length} streams, median ${sorted[sorted.length >> 1] ?? 0}, most ${sorted.at(-1) ?? 0}`;
}
