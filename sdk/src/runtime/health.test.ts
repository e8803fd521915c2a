import { expect, test } from 'vitest';
import { health } from './health.ts';
import { healthServer } from './healthServer.ts';
import { metrics } from './metrics.ts';

test('a check that fails or hangs fails its own kind only', async () => {
  const checks = health({ deadlineMs: 20 });
  checks.add({ name: 'process', kind: 'live', check: () => {} });
  checks.add({
    name: 'rpc',
    kind: 'ready',
    check: () => {
      throw new Error('The RPC is down.');
    },
  });
  const remove = checks.add({ name: 'engine', kind: 'ready', check: () => new Promise(() => {}) });
  expect(await checks.report('live')).toEqual({ ok: true, checks: [{ name: 'process', ok: true }] });
  expect(await checks.report('ready')).toEqual({
    ok: false,
    checks: [
      { name: 'rpc', ok: false, sentence: 'The RPC is down.' },
      { name: 'engine', ok: false, sentence: 'The check did not end in time.' },
    ],
  });
  remove();
  expect((await checks.report('ready')).checks.map(({ name }) => name)).toEqual(['rpc']);
});

test('the server answers /healthz, /readyz and /metrics on a free port', async () => {
  const checks = health();
  let ready = false;
  checks.add({
    name: 'model',
    kind: 'ready',
    check: () => {
      if (!ready) throw new Error('The model is loading.');
    },
  });
  const registry = metrics({ processMetrics: false });
  registry.counter({ name: 'requests_total', help: 'Requests.' }).inc();
  await using server = await healthServer()({ health: checks, metrics: registry });

  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const live = await fetch(`${server.url}/healthz`);
  expect([live.status, await live.json()]).toEqual([200, { ok: true, checks: [] }]);
  const notReady = await fetch(`${server.url}/readyz?full=1`);
  expect([notReady.status, await notReady.json()]).toEqual([
    503,
    { ok: false, checks: [{ name: 'model', ok: false, sentence: 'The model is loading.' }] },
  ]);
  ready = true;
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  const text = await fetch(`${server.url}/metrics`);
  expect(text.headers.get('content-type')).toMatch(/^text\/plain/);
  expect(await text.text()).toContain('karmesh_requests_total 1');
  expect((await fetch(`${server.url}/else`)).status).toBe(404);
});

test('a port that is taken is a configuration error', async () => {
  const parts = { health: health(), metrics: metrics({ processMetrics: false }) };
  await using server = await healthServer()(parts);
  const port = Number(new URL(server.url).port);
  await expect(healthServer({ port })(parts)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    facts: { host: '127.0.0.1', port },
  });
});
