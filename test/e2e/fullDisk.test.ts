import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Answered, askOnce, askUntilAnswered, findUnpaid } from '../harness/answers.ts';
import { startTestMarket } from '../harness/market.ts';
import { mountSmallDisk, whyNoSmallDisk } from '../harness/smallDisk.ts';

const why = await whyNoSmallDisk();
const FULL_MS = 6_000;

test.skipIf(why !== undefined)(
  `a market whose disk is full says so, and goes on with all that it acknowledged once there is room${why === undefined ? '' : ` (${why})`}`,
  { timeout: 240_000 },
  async () => {
    const signal = AbortSignal.timeout(230_000);
    await using disk = await mountSmallDisk(700);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = disk.path;
    await using market = await startTestMarket({ workers: 3, validators: 3 }, { signal }).finally(() => {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    });
    const { gateway } = market.running;
    let ended = '';
    void market.running.failed.then((what) => {
      ended = what;
    });
    const answers: Answered[] = [await askUntilAnswered(gateway, { signal })];
    await disk.fill();
    const until = Date.now() + FULL_MS;
    const refusals: string[] = [];
    while (Date.now() < until) {
      const answered = await askOnce(gateway, { signal });
      if (typeof answered === 'string') refusals.push(answered);
      else answers.push(answered);
      await pause(500, undefined, { signal });
    }
    await disk.free();
    answers.push(await askUntilAnswered(gateway, { signal }));
    expect(ended).toBe('');
    // Either the gateway cannot write, or the workers cannot and do not reveal what they have not written down.
    expect(new Set([...refusals, 'error worker_timeout'])).toEqual(
      new Set(['error disk_full', 'error worker_timeout']),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await findUnpaid(market, { answers, signal })).toEqual([]);
  },
);
