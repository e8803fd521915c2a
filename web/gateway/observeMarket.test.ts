import { readFile } from 'node:fs/promises';
import { health, logger, metrics } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { createApp } from './app.ts';
import { observeMarket } from './observeMarket.ts';

test('every metric that the guide names exists, with its unit in its name', async () => {
  const measured = metrics({ processMetrics: false });
  const observed = observeMarket(measured);
  observed.queue({ running: 3, waiting: 2 });
  createApp({ maxBodyBytes: 1, defaultMaxTokens: 1, deadlineMs: 1 })({
    market: { models: () => [], ask: () => [] as never },
    health: health(),
    metrics: measured,
    log: logger({ name: 'gateway', level: 'silent' })(),
    clock: { nowMs: () => 0 },
    findKey: async () => undefined,
    findBundle: async () => undefined,
  });
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
});
