import { fileURLToPath } from 'node:url';
import { ask } from '@karmesh/sdk/client';
import { equalBytes } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestMarket, type TestMarket } from '../harness/market.ts';

// One of three workers has an engine that makes its answers up. All of them are processes, and so are gateway, validator and cluster.

const LIAR = 0;
let market: TestMarket;
beforeAll(async () => {
  const lyingWorker = fileURLToPath(new URL('./hostile/lyingWorker.ts', import.meta.url));
  const signal = AbortSignal.timeout(170_000);
  market = await startTestMarket({ workers: 3, validators: 1, workerScripts: [lyingWorker] }, { signal });
}, 180_000);
afterAll(() => market?.[Symbol.asyncDispose](), 60_000);

test('Q-01, K-07, P-21: a liar dissents through a whole epoch and earns nothing; the two honest workers are paid', {
  timeout: 120_000,
}, async () => {
  const signal = AbortSignal.timeout(115_000);
  const { client, gateway } = market.running;
  const liar = await market.worker(LIAR, { signal });
  const before = await client.balance(liar.owner, { signal });
  const answer = await ask(gateway, { prompt: 'What is the capital of France?', temperature: 0, signal });
  expect(answer.text).not.toBe('It is not so.');
  expect(answer.evidence.quorum).toEqual({ verdict: 'agreed', agreeing: 2, asked: 3 });

  const { bundle, verdict } = await market.final(answer.evidence.requestId, { signal });
  expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
  expect(verdict.holds).toBe(true);
  // The liar's receipt stands in the entry for all to see, and in no credit.
  const { receipts } = bundle.entry.evidence;
  expect(receipts.some(({ receipt }) => equalBytes(receipt.value.worker, liar.address))).toBe(true);
  const credited = bundle.report?.credits ?? [];
  expect(credited).toHaveLength(2);
  expect(credited.some(({ participant }) => equalBytes(participant, liar.address))).toBe(false);

  const share = (bundle.entry.outcome.value.price * 8_000n) / 10_000n / 2n;
  await market.until(
    async () => {
      const honest = await Promise.all([1, 2].map((index) => market.worker(index, { signal })));
      return honest.every(({ lifetimePaid }) => lifetimePaid >= share);
    },
    { signal },
  );
  for (const index of [1, 2]) {
    const { lifetimePaid, lifetime } = await market.worker(index, { signal });
    expect([lifetimePaid, lifetime[0] > 0n, lifetime[3] > 0n]).toEqual([share, true, true]);
  }
  expect(await market.worker(LIAR, { signal })).toMatchObject({
    karma: [0n, 0n, 0n, 0n, 0n],
    lifetime: [0n, 0n, 0n, 0n, 0n],
    lifetimePaid: 0n,
  });
  expect(await client.balance(liar.owner, { signal })).toBe(before);
});
