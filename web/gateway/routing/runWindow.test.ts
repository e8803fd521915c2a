import { type Entry, hashOf, measurementsCodec, receiptRecord, type Verdict } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { domain, question, type TestMarket, testMarket } from '../scheduler/fixtures/testMarket.ts';
import { newestEntries } from '../store/entries.ts';
import { type RunWindow, runWindow } from './runWindow.ts';

let market: TestMarket;
beforeAll(async () => {
  market = await testMarket({ workers: 3 });
});
afterAll(() => market[Symbol.asyncDispose]());

/** Has the market answer once with these behaviours, and gives the entry. */
async function ask(...behaviours: readonly TestMarket['workers'][number]['behaviour'][]): Promise<Entry> {
  for (const [index, worker] of market.workers.entries()) worker.behaviour = behaviours[index] ?? { kind: 'honest' };
  await using scheduler = await market.open();
  await market.collect(scheduler, question('quorum')).catch(() => undefined);
  const entry = market.entries.at(-1);
  if (entry === undefined) throw new Error('no entry');
  return entry;
}

const fresh = (maxRuns = 100): RunWindow => runWindow({ domain, maxRuns, groupRuns: 8 });
const named = (index: number): Uint8Array => market.workers[index]?.participant ?? new Uint8Array();

/** A verdict on what a worker of an entry revealed. */
function verdictOn(entry: Entry, worker: Uint8Array, said: { readonly rule: number; readonly gap: bigint }): Verdict {
  const receipt = entry.evidence.receipts.find(
    ({ receipt: { value } }) => value.worker.join() === worker.join(),
  )?.receipt;
  if (receipt === undefined) throw new Error('no receipt');
  const { outputTokens: tokens } = receipt.value;
  const measured = { tokens, differing: 0, largestGapMicro: said.gap, gapSumMicro: said.gap };
  return {
    epoch: 0n,
    entryHash: new Uint8Array(32),
    receiptHash: receiptRecord.hash(domain, receipt.value),
    validator: new Uint8Array(32),
    attempt: 0,
    verdict: said.rule === 0 ? 'pass' : 'fail',
    rule: said.rule,
    measurementsHash: hashOf(measurementsCodec, measured),
  };
}

test('counts what became of each worker by the gateway’s own entries, live and after a restart', async () => {
  const lies = { kind: 'lies', tokens: [1, 2], text: 'Rome' } as const;
  const live = fresh();
  live.add(await ask());
  live.add(await ask(lies));
  live.add(await ask({ kind: 'refuses', reason: 'paused' }));
  live.add(await ask({ kind: 'gone' }));
  const restarted = fresh();
  for (const entry of await newestEntries(market.database.db, 4)) restarted.add(entry);
  for (const window of [live, restarted]) {
    expect(window.worker(named(0))).toMatchObject({
      drawn: 4,
      agreed: 1,
      dissented: 1,
      refused: { paused: 1 },
      timedOut: { unreachable: 1 },
    });
    const honest = window.worker(named(1));
    expect(honest).toMatchObject({ drawn: 4, agreed: 4, dissented: 0, refused: {}, timedOut: {} });
    const { msPerToken, sealMs } = honest;
    expect(sealMs?.p50).toBeGreaterThanOrEqual(0);
    expect(sealMs?.p95).toBeGreaterThanOrEqual(sealMs?.p50 ?? Number.POSITIVE_INFINITY);
    // Three tokens each.
    expect(msPerToken?.p95).toBeCloseTo((sealMs?.p95 ?? 0) / 3);
  }
  expect(live.size()).toMatchObject({ runs: 4 });
  expect(live.worker(new Uint8Array(32))).toMatchObject({ drawn: 0, sealMs: undefined, msPerToken: undefined });
});

test('keeps as many runs as it may, with their audits', async () => {
  const first = await ask();
  const window = fresh(2);
  window.add(first);
  window.addVerdict(verdictOn(first, named(0), { rule: 0, gap: 0n }));
  window.add(await ask());
  expect(window.worker(named(0)).audits.passed).toBe(1);
  window.add(await ask());
  expect([window.size().runs, window.worker(named(0)).drawn, window.worker(named(0)).audits.passed]).toEqual([2, 2, 0]);
  window.addVerdict(verdictOn(first, named(0), { rule: 0, gap: 0n }));
  expect(window.worker(named(0)).audits.passed).toBe(0);
});

test('tells passes without any difference from those within what is allowed, and counts fails by rule', async () => {
  const entry = await ask();
  const window = fresh();
  window.add(entry);
  for (const said of [
    { rule: 0, gap: 0n },
    { rule: 0, gap: 7n },
    { rule: 20, gap: 9_000_000n },
  ])
    window.addVerdict(verdictOn(entry, named(2), said));
  expect(window.worker(named(2)).audits).toEqual({ passed: 2, withoutDifference: 1, ofProofs: 0, failed: { 20: 1 } });
  expect(window.worker(named(1)).audits).toEqual({ passed: 0, withoutDifference: 0, ofProofs: 0, failed: {} });
});

test('a group has a standing once enough of its runs are known, by its newest', async () => {
  const window = fresh();
  const good = await ask();
  const { engineClass, modelId } = good.dispatch.value;
  for (let i = 0; i < 7; i++) window.add(good);
  expect(window.group(modelId, engineClass)).toBeUndefined();
  const gone = { kind: 'gone' } as const;
  const bad = await ask(gone, gone, gone);
  expect(bad.outcome.value.verdict).toBe('none');
  window.add(bad);
  expect(window.group(modelId, engineClass)).toMatchObject({ runs: 8, agreedShare: 7 / 8 });
  window.add(bad);
  expect(window.group(modelId, engineClass)).toMatchObject({ runs: 8, agreedShare: 6 / 8 });
  expect(window.group(modelId, new Uint8Array(32))).toBeUndefined();
});
