import { llamaEngine } from '@karmesh/node/engines';
import { BUNDLED_MODEL_PATH } from '@karmesh/node/models';
import { clusterPreset } from '@karmesh/sdk/clusters';
import { type InferenceRequest, judgeMeasurements } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { auditThresholds } from '../audit/judgeAnswer.ts';
import { named } from '../fixtures/market.ts';
import { openReplayer } from './openReplayer.ts';

const { signal } = new AbortController();
const thresholds = auditThresholds(clusterPreset('localnet').offchain);

test('the bundled model’s answer replays as itself, and another answer does not', { timeout: 120_000 }, async () => {
  await using engine = await llamaEngine({ modelPath: BUNDLED_MODEL_PATH, sequences: 1 });
  const { modelId, manifest } = engine.describe();
  await using replayer = await openReplayer(
    { models: [BUNDLED_MODEL_PATH], exactModels: [], modelCache: 'none', threads: 1 },
    { signal },
  );
  expect(replayer.model(modelId)).toEqual({ activeParameters: manifest.activeParameters });
  expect(replayer.model(named('another'))).toBeUndefined();

  const requestId = named('request');
  const asked = {
    maxTokens: 24,
    temperatureMicro: 700_000,
    stops: [],
    messages: [{ role: 'user' as const, content: 'Hello!' }],
  };
  const answer = await engine.generate({ requestId, ...asked });
  const request: InferenceRequest = { ...asked, modelId, assurance: 'quorum', blinding: named('blinding') };
  const { finishReason, outputTokens: tokens } = answer;
  const replayed = await replayer.replay({ requestId, request, tokens, finishReason }, { signal });
  expect(replayed).toMatchObject({
    promptTokens: answer.promptTokens,
    end: 'right',
    measurements: { tokens: tokens.length, differing: 0 },
  });
  expect(judgeMeasurements(replayed.measurements, thresholds)).toBeUndefined();

  const lie = tokens.map((token, i) => (i % 3 === 0 ? (token + 1) % manifest.vocabulary : token));
  const caught = await replayer.replay({ requestId, request, tokens: lie, finishReason }, { signal });
  expect(judgeMeasurements(caught.measurements, thresholds)).toBe(20);
});

test('an answer of a model that is not here is refused, and so is a file that is no model', {
  timeout: 60_000,
}, async () => {
  await using replayer = await openReplayer(
    { models: [], exactModels: [], modelCache: 'none', threads: 1 },
    { signal },
  );
  const request: InferenceRequest = {
    modelId: named('model'),
    assurance: 'quorum',
    maxTokens: 1,
    temperatureMicro: 0,
    stops: [],
    messages: [],
    blinding: named('blinding'),
  };
  const answer = { requestId: named('request'), request, tokens: [], finishReason: 'stop' as const };
  await expect(replayer.replay(answer, { signal })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
  await expect(
    openReplayer({ models: [import.meta.filename], exactModels: [], modelCache: 'none', threads: 1 }, { signal }),
  ).rejects.toMatchObject({
    code: 'MODEL_INVALID',
  });
});
