import { ask } from '@karmesh/sdk/client';
import { afterEach, expect, test } from 'vitest';
import { startTestMarket } from '../harness/market.ts';
import { startSpanReceiver } from '../harness/spanReceiver.ts';

const variables = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_BSP_SCHEDULE_DELAY'] as const;
afterEach(() => {
  for (const name of variables) delete process.env[name];
});

test('one request is one trace, from its gateway to its workers, and an epoch’s duties are another', {
  timeout: 240_000,
}, async () => {
  const signal = AbortSignal.timeout(220_000);
  await using receiver = await startSpanReceiver();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
  process.env.OTEL_EXPORTER_OTLP_PROTOCOL = 'http/json';
  process.env.OTEL_BSP_SCHEDULE_DELAY = '200';
  await using market = await startTestMarket({ workers: 3, validators: 2 }, { signal });
  const prompt = 'A prompt that no span may hold.';
  const { evidence, text } = await ask(market.running.gateway, { prompt, temperature: 0, signal });

  const { requestId } = evidence;
  const traceId = requestId.slice(0, 32);
  const ofTrace = () => receiver.spans.filter((span) => span.traceId === traceId);
  const named = (name: string) => ofTrace().filter((span) => span.name === name);
  // The batch goes out within a second or two, and each program sends its spans by itself.
  await market.until(async () => named('publish').length === 1 && named('serve').length === 3, { signal });

  const [root] = named('request');
  expect(root).toMatchObject({
    service: 'karmesh-gateway',
    spanId: requestId.slice(32, 48),
    attributes: { 'karmesh.request_id': requestId },
  });
  const dispatches = named('dispatch');
  expect(dispatches.map(({ parentSpanId }) => parentSpanId)).toEqual([root?.spanId, root?.spanId, root?.spanId]);
  // Each worker's own span hangs on the dispatch to it, and no two on one.
  const serves = named('serve');
  expect(serves.map(({ service }) => service)).toEqual(['karmesh-worker', 'karmesh-worker', 'karmesh-worker']);
  expect(serves.map(({ parentSpanId }) => parentSpanId).sort()).toEqual(dispatches.map(({ spanId }) => spanId).sort());
  const names = ofTrace().map(({ service, name }) => `${service}: ${name}`);
  expect([...new Set(names)].sort()).toEqual([
    'karmesh-gateway: accept',
    'karmesh-gateway: answer',
    'karmesh-gateway: dispatch',
    'karmesh-gateway: publish',
    'karmesh-gateway: queue',
    'karmesh-gateway: quorum',
    'karmesh-gateway: request',
    'karmesh-gateway: reveal',
    'karmesh-gateway: reveals',
    'karmesh-gateway: seal',
    'karmesh-gateway: seals',
    'karmesh-worker: accept',
    'karmesh-worker: exchange',
    'karmesh-worker: first token',
    'karmesh-worker: generate',
    'karmesh-worker: reveal',
    'karmesh-worker: serve',
  ]);

  // Both validators attest the epoch, in one trace.
  const attests = () => receiver.spans.filter((span) => span.name === 'attest' && span.service === 'karmesh-validator');
  const ofEpoch = () => attests().filter(({ attributes }) => attributes['karmesh.epoch'] === evidence.epoch);
  await market.until(async () => ofEpoch().length >= 2, { signal });
  expect(new Set(ofEpoch().map((span) => span.traceId)).size).toBe(1);

  expect(
    receiver.bodies.filter((body) => body.includes(prompt) || (text !== '' && body.includes(JSON.stringify(text)))),
  ).toEqual([]);
});
