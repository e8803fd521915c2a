import { expect, test } from 'vitest';
import { openaiServer, sendJson } from '../fixtures/openaiServer.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import { describeSchema } from './config.ts';
import { openEngine } from './openEngine.ts';

const signal = AbortSignal.timeout(60_000);

test('a worker before a server needs its URL and the model file', async () => {
  for (const [given, missing] of [
    [{ model: BUNDLED_MODEL_PATH }, '--engine-url'],
    [{ engineUrl: 'http://127.0.0.1:1/v1' }, '--model'],
  ] as const) {
    const config = describeSchema.parse({ engine: 'openai', ...given });
    await expect(openEngine(config, { signal })).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { missing } });
  }
  expect(describeSchema.safeParse({ engineUrl: 'file:///etc/passwd' }).success).toBe(false);
});

test('the settings of a server reach it', async () => {
  await using server = await openaiServer((_, response) => sendJson(response, { data: [{ id: 'other' }] }));
  const config = describeSchema.parse({
    engine: 'openai',
    engineUrl: server.url,
    engineModel: 'tiny',
    model: BUNDLED_MODEL_PATH,
  });
  await expect(openEngine(config, { signal })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    facts: { wanted: 'tiny', listed: 'other' },
  });
  expect(server.asked.map(({ method, path }) => [method, path])).toEqual([['GET', '/v1/models']]);
});
