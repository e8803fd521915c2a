import { fromHex, isLogFork, logLeafHash, readCheckpoint } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LogAtWork, logAtWork, type RunningLog } from './logAtWork.ts';

const BRONZE = 5;

let work: LogAtWork;
beforeEach(async () => {
  work = await logAtWork({ validators: 2 });
});
afterEach(() => work[Symbol.asyncDispose]());

/** The leaves of a log as it serves them. */
async function leafHashesOf({ log }: RunningLog, size: number) {
  const response = await log.routes.request(`/v1/log/entries?start=0&end=${size}`);
  const { entries } = (await response.json()) as { readonly entries: readonly string[] };
  return entries.map((leaf) => logLeafHash(fromHex(leaf)));
}

test('G-22, G-23: two logs of one size for two validators are seen when these compare, and neither is cosigned again', {
  timeout: 60_000,
}, async () => {
  await using mine = await work.open([0]);
  await using other = await work.open([1]);
  const [first, second] = [mine.sell(BRONZE, 1), other.sell(BRONZE, 2)];
  mine.start(first);
  other.start(second);
  // Each buyer sees one validator who vouches for its own log, and one who does not.
  const stores = [work.store(0), work.store(1)];
  await expect
    .poll(() => stores.map((store) => store.isForked(work.origin)), { timeout: 20_000 })
    .toEqual([true, true]);
  const about = { origin: work.origin, identity: work.identity };
  for (const store of stores) {
    const [fork] = store.forks();
    if (fork === undefined) throw new Error('A fork was kept.');
    expect(isLogFork(fork, about)).toBe(true);
    store[Symbol.dispose]();
  }
  const [more, again] = [mine.sell(BRONZE, 3), other.sell(BRONZE, 3)];
  expect(await mine.verify(more)).toMatchObject({ size: 4, cosigners: [] });
  expect(await other.verify(again)).toMatchObject({ size: 4, cosigners: [] });
});

test('G-21, G-23: a log whose old events were rewritten gets no cosignature, and its own leaves show the fork', {
  timeout: 60_000,
}, async () => {
  await using honest = await work.open([0]);
  const ticket = honest.sell(BRONZE, 1);
  honest.start(ticket);
  expect(await honest.verify(ticket)).toMatchObject({ size: 3, cosigners: [work.validators[0]?.name] });
  await honest[Symbol.asyncDispose]();

  await using rewritten = await work.open([0]);
  const others = [1, 2, 3].map((account) => rewritten.sell(BRONZE, account));
  rewritten.start(others[0] ?? ticket);
  const [last = ticket] = others.slice(-1);
  expect(await rewritten.verify(last)).toMatchObject({ size: 5, cosigners: [] });
  using store = work.store(0);
  expect(store.newest(work.origin)?.size).toBe(3);
  const about = { origin: work.origin, identity: work.identity };
  const leafHashes = await leafHashesOf(rewritten, 5);
  const shown = store.forks().map((fork) => {
    const { size = 0 } = readCheckpoint(fork.second)?.checkpoint ?? {};
    return isLogFork(fork, { ...about, leafHashes: leafHashes.slice(0, size) });
  });
  expect(shown.length).toBeGreaterThan(0);
  expect(shown).not.toContain(false);
});
