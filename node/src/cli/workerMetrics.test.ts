import { metrics } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import type { GenerateResult } from '../engines/engine.ts';
import { workerMetrics } from './workerMetrics.ts';

const requestId = new Uint8Array(32);
const result = {
  promptTokens: 12,
  outputTokens: [1, 2, 3],
  timings: { firstTokenMs: 40, totalMs: 900 },
} as unknown as GenerateResult;

test('sessions, audits, receipts and the load are counted', async () => {
  const registry = metrics({ processMetrics: false });
  const count = workerMetrics(registry, { active: 4, waiting: 16 });
  count.health(() => ({
    state: 'on-battery',
    cpuPermille: 750,
    residentBytes: 1n,
    active: 2,
    waiting: 1,
    maxActive: 4,
    maxWaiting: 16,
    milliTokensPerSecond: 41_500n,
  }));
  count.infer({ kind: 'revealed', requestId, result });
  count.infer({ kind: 'refused', rule: 'W-13', reason: 'queue-full' });
  count.infer({ kind: 'failed', cause: 'engine-failed', error: new Error('It stopped.') });
  count.infer({ kind: 'violation', rule: 'W-04' });
  count.audit({ kind: 'opened', epoch: 0n });
  const recorded: unknown[] = [];
  let isFull = false;
  const log = count.receipts({
    takeCounter: (epoch) => epoch + 5n,
    hasDispatch: () => true,
    async record(receipt) {
      if (isFull) throw new Error('The disk is full.');
      recorded.push(receipt);
    },
  });
  const receipt = { counter: 1n } as unknown as Parameters<typeof log.record>[0];
  await log.record(receipt);
  isFull = true;
  await expect(log.record(receipt)).rejects.toThrow('The disk is full.');
  expect([recorded, log.takeCounter(2n), log.hasDispatch(requestId)]).toEqual([[receipt], 7n, true]);

  const lines = (await registry.text()).split('\n').filter((line) => /^karmesh_worker_(?!.*_bucket)/.test(line));
  expect(lines.map((line) => line.replace('karmesh_worker_', ''))).toEqual([
    'sessions_total{outcome="revealed"} 1',
    'sessions_total{outcome="refused"} 1',
    'sessions_total{outcome="failed"} 1',
    'sessions_total{outcome="violation"} 1',
    'refusals_total{reason="queue-full"} 1',
    'failures_total{cause="engine-failed"} 1',
    'violations_total{rule="W-04"} 1',
    'tokens_total{kind="prompt"} 12',
    'tokens_total{kind="output"} 3',
    'first_token_seconds_sum 0.04',
    'first_token_seconds_count 1',
    'run_seconds_sum 0.9',
    'run_seconds_count 1',
    'receipts_total 1',
    'audits_total{outcome="opened"} 1',
    'requests_count{state="active"} 2',
    'requests_count{state="waiting"} 1',
    'state_count{state="serving"} 0',
    'state_count{state="outside-hours"} 0',
    'state_count{state="on-battery"} 1',
    'state_count{state="over-memory"} 0',
    'capacity_count{state="active"} 4',
    'capacity_count{state="waiting"} 16',
  ]);
});
