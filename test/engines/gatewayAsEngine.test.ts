import { createApp, hashApiKey, listen, type Market, type MarketRequest } from '@karmesh/gateway';
import { openaiEngine } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH, readModel } from '@karmesh/node/models';
import { hash, ZERO_HASH } from '@karmesh/sdk/protocol';
import { health, logger, metrics } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';

// A worker before our own gateway: a server that only chats, as most are. The market behind the gateway is scripted.

const MADRID_TOKENS = [313, 461, 324, 848, 292, 966, 18, 4];
const bytes = (fill: number) => new Uint8Array(32).fill(fill);

async function gateway() {
  const { manifest, modelId } = await readModel(BUNDLED_MODEL_PATH);
  const asked: MarketRequest[] = [];
  const market: Market = {
    models: () => [{ modelId, manifest }],
    async *ask(request) {
      asked.push(request);
      const isGreeting = request.messages[0]?.content === 'Hi';
      yield { kind: 'accepted', requestId: bytes(0xab) };
      yield { kind: 'text', text: isGreeting ? 'He' : 'The capital of ', outputTokens: 1, usage: undefined };
      if (!isGreeting) yield { kind: 'text', text: 'Spain is Madrid.', outputTokens: 1, usage: undefined };
      yield {
        kind: 'done',
        finishReason: isGreeting ? 'length' : 'stop',
        promptTokens: isGreeting ? 10 : 16,
        outputTokens: isGreeting ? 1 : 8,
        summary: {
          requestId: bytes(0xab),
          assurance: 'stream',
          epoch: 1n,
          dispatchNumber: 2n,
          priceLamports: 5n,
          lane: 5,
          tokensPaidFor: undefined,
          verdict: 'agreed',
          workers: [{ worker: bytes(1), outcome: 'agreed', receiptHash: bytes(4), shown: true }],
        },
      };
    },
  };
  const app = createApp({ maxBodyBytes: 100_000, defaultMaxTokens: 64, deadlineMs: 20_000 })({
    market,
    health: health(),
    metrics: metrics({ processMetrics: false }),
    log: logger({ name: 'gateway', level: 'silent' })(),
    clock: { nowMs: () => 1_700_000_000_500 },
    findKey: async (key) => (key === 'sk-good' ? { keyHash: hashApiKey(key), accountId: 1n } : undefined),
    findBundle: async () => undefined,
  });
  return { server: await listen({ app, host: '127.0.0.1', port: 0 }), asked, modelId, name: manifest.name };
}

test('a worker answers with what our gateway streams, as tokens of the model file', async () => {
  const { server, asked, modelId, name } = await gateway();
  await using _server = server;
  const options = { modelPath: BUNDLED_MODEL_PATH, url: `${server.url}/v1`, key: 'sk-good' };
  await using engine = await openaiEngine(options);
  expect(engine.describe()).toMatchObject({
    modelId,
    greedyOnly: true,
    engineClass: {
      engine: 'openai',
      build: 'karmesh of unstated build',
      settings: `rules=2 tokens=text logits=none context=512 served=${name}`,
    },
  });
  const result = await engine.generate({
    requestId: hash(bytes(7)),
    messages: [{ role: 'user', content: 'What is the capital of Spain?' }],
    maxTokens: 64,
    temperatureMicro: 0,
    stops: [],
  });
  const { cutTo: _, ...answer } = result;
  expect(answer).toEqual({
    promptTokens: 16,
    outputTokens: MADRID_TOKENS,
    text: 'The capital of Spain is Madrid.',
    finishReason: 'stop',
    traceRoot: ZERO_HASH,
    timings: result.timings,
  });
  expect(asked.map(({ temperatureMicro, maxTokens }) => [temperatureMicro, maxTokens])).toEqual([
    [0, 1],
    [0, 64],
  ]);
  await expect(openaiEngine({ ...options, key: 'sk-bad' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'The engine’s server refused the key.',
    facts: { server: `${server.url}/v1/`, status: 401 },
  });
});
