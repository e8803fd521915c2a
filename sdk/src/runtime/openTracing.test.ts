import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTracing } from './openTracing.ts';
import { STAGE_CHANNEL, stages } from './stages.ts';

const requestId = new Uint8Array(32).fill(5);
const said: unknown[] = [];
const log = { warn: (facts: object, sentence?: string) => void said.push([facts, sentence]) };
// The exporter reads the process's own variables.
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const before = process.env[ENDPOINT];
beforeEach(() => {
  said.length = 0;
});
afterEach(() => {
  if (before === undefined) delete process.env[ENDPOINT];
  else process.env[ENDPOINT] = before;
});

function work(): void {
  const reach = stages('gateway');
  reach('ticketed', { requestId });
  reach('answered', { requestId });
}

test('while no variable asks for it, nobody listens to the stages', async () => {
  await using _tracing = await openTracing({ program: 'gateway', env: {}, log });
  expect(channel(STAGE_CHANNEL).hasSubscribers).toBe(false);
});

test('what has happened is sent at the end at the latest, in protobuf unless told, and nobody listens afterwards', async () => {
  const server = createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env[ENDPOINT] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asked = once(server, 'request');
  {
    await using _tracing = await openTracing({ program: 'gateway', env: process.env, log });
    expect(channel(STAGE_CHANNEL).hasSubscribers).toBe(true);
    work();
  }
  const [request] = (await asked) as [IncomingMessage];
  expect([request.method, request.url, request.headers['content-type']]).toEqual([
    'POST',
    '/v1/traces',
    'application/x-protobuf',
  ]);
  expect([channel(STAGE_CHANNEL).hasSubscribers, said]).toEqual([false, []]);
  server.close();
  server.closeAllConnections();
});

test('a collector that answers nothing costs its spans and no more than three seconds at the end', async () => {
  const server = createServer(() => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env[ENDPOINT] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tracing = await openTracing({ program: 'gateway', env: process.env, log });
  work();
  const began = performance.now();
  await tracing[Symbol.asyncDispose]();
  expect(performance.now() - began).toBeLessThan(4_000);
  server.close();
  server.closeAllConnections();
});
