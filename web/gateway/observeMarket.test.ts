import { readFile } from 'node:fs/promises';
import { health, logger, metrics } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { createApp } from './app.ts';
import { observeMarket } from './observeMarket.ts';

test('every metric that the guide names exists, with its unit in its name', async () => {
  const measured = metrics({ processMetrics: false });
  const observed = observeMarket(measured);
  observed.watch({
    market: { running: 3, waiting: 2, availableLamports: 5_000n },
    most: { maxRunning: 16, maxWaiting: 64 },
    unpublished: async () => ({ count: 4, oldestAtMs: 1_000n }),
    committedAhead: () => 2,
    workerStates: () => ['serving', 'on-battery', 'serving'],
    unredeemed: async () => 70n,
    ledgerDifferences: async () => 2,
    nowMs: () => 3_500,
  });
  createApp({ maxBodyBytes: 1, defaultMaxTokens: 1, deadlineMs: 1 })({
    market: { models: () => [], ask: () => [] as never },
    health: health(),
    metrics: measured,
    log: logger({ name: 'gateway', level: 'silent' })(),
    clock: { nowMs: () => 0 },
    findKey: async () => undefined,
    findBundle: async () => undefined,
  });
  observed.redeemed('shown');
  observed.published({
    producer: new Uint8Array(32),
    sequence: 1n,
    epoch: 0n,
    merkleRoot: new Uint8Array(32),
    bodyHash: new Uint8Array(32),
    count: 7,
    issuedAtMs: 0n,
  });
  const text = await measured.text();
  const guide = await readFile(new URL('../../docs/guides/gateway.md', import.meta.url), 'utf8');
  const named = [...new Set(guide.match(/karmesh_gateway_[a-z_]+/g))];
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !text.includes(`# TYPE ${name} `))).toEqual([]);
  expect(text).toContain('karmesh_gateway_requests_count{state="running"} 3');
  expect(text).toContain('karmesh_gateway_requests_count{state="waiting"} 2');
  expect(text).toContain('karmesh_gateway_published_entries_total 7');
  expect(text).toContain('karmesh_gateway_capacity_count{state="waiting"} 64');
  expect(text).toContain('karmesh_gateway_escrow_available_lamports 5000');
  expect(text).toContain('karmesh_gateway_committed_ahead_epochs 2');
  expect(text).toContain('karmesh_gateway_announced_workers_count{state="serving"} 2');
  expect(text).toContain('karmesh_gateway_announced_workers_count{state="on-battery"} 1');
  expect(text).toContain('karmesh_gateway_unredeemed_lamports 70');
  expect(text).toContain('karmesh_gateway_vouchers_redeemed_total{outcome="shown"} 1');
  expect(text).toContain('karmesh_gateway_unpublished_entries_count 4');
  expect(text).toContain('karmesh_gateway_unpublished_age_seconds 2.5');
});

test('a database that fails costs no metric but its own', async () => {
  const measured = metrics({ processMetrics: false });
  const observed = observeMarket(measured);
  observed.watch({
    market: { running: 0, waiting: 0, availableLamports: 0n },
    most: { maxRunning: 1, maxWaiting: 1 },
    unpublished: () => Promise.reject(new Error('gone')),
    committedAhead: () => 0,
    workerStates: () => [],
    unredeemed: () => Promise.reject(new Error('gone')),
    ledgerDifferences: () => Promise.reject(new Error('gone')),
    nowMs: () => 0,
  });
  observed.database.query(2);
  observed.database.error();
  const text = await measured.text();
  expect(text).toContain('karmesh_gateway_unredeemed_lamports Nan');
  expect(text).toContain('karmesh_gateway_ledger_differences_count Nan');
  expect(text).toContain('karmesh_gateway_unpublished_entries_count Nan');
  expect(text).toContain('karmesh_gateway_unpublished_age_seconds Nan');
  expect(text).toContain('karmesh_gateway_requests_count{state="running"} 0');
  expect(text).toContain('karmesh_gateway_database_query_seconds_bucket{le="0.002"} 1');
  expect(text).toContain('karmesh_gateway_database_errors_total 1');
});
