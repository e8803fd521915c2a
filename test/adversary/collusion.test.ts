import { fileURLToPath } from 'node:url';
import { ask, fetchBundle } from '@karmesh/sdk/client';
import { type ConfigAccount, type EpochAccount, NONE } from '@karmesh/sdk/program';
import { decodeBundle } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestMarket, type TestMarket } from '../harness/market.ts';

// Two of three workers tell the same lie, so that it has the quorum. Every answer is audited in this market.

let market: TestMarket;
beforeAll(async () => {
  const lyingWorker = fileURLToPath(new URL('./hostile/lyingWorker.ts', import.meta.url));
  const signal = AbortSignal.timeout(170_000);
  market = await startTestMarket(
    { workers: 3, validators: 2, workerScripts: [lyingWorker, lyingWorker], offchain: { auditRateQuorum: 10_000n } },
    { signal },
  );
}, 180_000);
afterAll(() => market?.[Symbol.asyncDispose](), 60_000);

test('U-05, U-07: two liars who agree are failed by both drawn auditors; nobody is paid and the buyer pays nothing', {
  timeout: 120_000,
}, async () => {
  const signal = AbortSignal.timeout(115_000);
  const { client, gateway } = market.running;
  const answer = await ask(gateway, { prompt: 'What is the capital of France?', temperature: 0, signal });
  // Agreement is a signal, not a verdict: the lie passes the quorum.
  expect(answer.text).toBe('It is not so.');
  expect(answer.evidence.quorum).toEqual({ verdict: 'agreed', agreeing: 2, asked: 3 });
  const { entry } = decodeBundle(await fetchBundle(gateway, { requestId: answer.evidence.requestId, signal }));
  const { escrow } = entry.ticket.value;
  const before = await client.escrow(escrow, { signal });

  // On a busy machine the second auditor may miss an epoch's list; the entry is then carried, unpaid, and drawn again (U-07).
  let epoch = BigInt(answer.evidence.epoch);
  let account: EpochAccount | undefined;
  for (; account === undefined || account.carriedCount > 0; epoch++) {
    await market.until(async () => isFinal(await client.checkCluster({ signal }), epoch), { signal });
    account = await client.epoch(epoch, { signal });
  }
  expect(account).toMatchObject({ verdictCount: 2, settledCount: 0, settledLamports: 0n });
  expect(account.totals.slice(0, 4)).toEqual([0n, 0n, 0n, 0n]);
  expect(account.totals[5]).toBe(0n);
  for (const index of [0, 1, 2]) {
    expect(await market.worker(index, { signal })).toMatchObject({ lifetime: [0n, 0n, 0n, 0n, 0n], lifetimePaid: 0n });
  }
  const after = await client.escrow(escrow, { signal });
  expect([after?.balance, after?.cumulativeDebit]).toEqual([before?.balance, 0n]);
});

function isFinal({ lastFinalisedEpoch }: ConfigAccount, epoch: bigint): boolean {
  return lastFinalisedEpoch !== NONE && lastFinalisedEpoch >= epoch;
}
