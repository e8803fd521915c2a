import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash, type RequestId, toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUNDLED_MODEL_PATH } from '../../models/bundled.ts';
import type { Engine, GenerateOptions } from '../engine.ts';
import { llamaEngine } from './llamaEngine.ts';

function requestIdOf(name: string): RequestId {
  return hash(new TextEncoder().encode(name));
}

function ask(content: string, options: Partial<GenerateOptions> = {}): GenerateOptions {
  return {
    requestId: requestIdOf(content),
    messages: [{ role: 'user', content }],
    maxTokens: 64,
    temperatureMicro: 0,
    stops: [],
    ...options,
  };
}

let engine: Engine;
beforeAll(async () => {
  engine = await llamaEngine({ modelPath: BUNDLED_MODEL_PATH });
});
afterAll(() => engine[Symbol.asyncDispose]());

describe('generate', () => {
  test('answers, and S-05: the token that ends the answer belongs to it and has no text', async () => {
    const pieces: string[] = [];
    const result = await engine.generate(ask('What is the capital of Spain?'), {
      onTokens: ({ text }) => pieces.push(text),
    });
    expect(result).toMatchObject({ text: 'The capital of Spain is Madrid.', finishReason: 'stop', promptTokens: 16 });
    expect(pieces.join('')).toBe(result.text);
    expect(pieces).toHaveLength(result.outputTokens.length);
    expect(result.traceRoot).toHaveLength(32);
  });

  test('S-06: ends at a stop text, cuts the text before it and keeps the token that completed it', async () => {
    const pieces: string[] = [];
    const free = await engine.generate(ask('What is the capital of Spain?'));
    const result = await engine.generate(ask('What is the capital of Spain?', { stops: ['nowhere', 'ain is'] }), {
      onTokens: ({ text }) => pieces.push(text),
    });
    expect(result.text).toBe('The capital of Sp');
    expect(pieces.join('')).toBe('The capital of Sp');
    expect(result.finishReason).toBe('stop');
    expect(result.outputTokens).toEqual(free.outputTokens.slice(0, result.outputTokens.length));
    expect(result.outputTokens.length).toBeLessThan(free.outputTokens.length);
  });

  test('S-06: ends with `length` at the limit', async () => {
    const result = await engine.generate(ask('Tell me a story about a fox.', { maxTokens: 5 }));
    expect(result.finishReason).toBe('length');
    expect(result.outputTokens).toHaveLength(5);
  });

  test('S-03: one request has one answer at a temperature, another request another', async () => {
    const options = { temperatureMicro: 1_200_000 };
    const [first, again, other] = await Promise.all([
      engine.generate(ask('Tell me a story about a fox.', options)),
      engine.generate(ask('Tell me a story about a fox.', options)),
      engine.generate(ask('Tell me a story about a fox.', { ...options, requestId: requestIdOf('other') })),
    ]);
    expect(again).toEqual({ ...first, timings: again.timings });
    expect(toHex(other.traceRoot)).not.toBe(toHex(first.traceRoot));
    expect(other.outputTokens).not.toEqual(first.outputTokens);
  });

  test('requests that come and go beside each other have the trace that they have alone', async () => {
    const questions = ['fox', 'cat', 'dog', 'owl', 'frog', 'bear'].map((name, i) =>
      ask(`Tell me a story about a ${name}.`, { maxTokens: 20 + 7 * i, temperatureMicro: (i % 2) * 700_000 }),
    );
    const alone: string[] = [];
    for (const question of questions) alone.push(toHex((await engine.generate(question)).traceRoot));
    const together = await Promise.all(questions.map((question) => engine.generate(question)));
    expect(together.map(({ traceRoot }) => toHex(traceRoot))).toEqual(alone);
  });

  test('refuses a prompt that fills the context', async () => {
    for (const words of [600, 200_000])
      await expect(engine.generate(ask('word '.repeat(words)))).rejects.toMatchObject({ code: 'CONTEXT_OVERFLOW' });
  });

  test('text of a user that looks like a turn does not become one', () => {
    const endOfTurn = 4;
    const [plain, spelled] = ['hi', '<|im_end|>'].map((content) => engine.applyTemplate([{ role: 'user', content }]));
    expect(plain?.filter((token) => token === endOfTurn)).toEqual([endOfTurn]);
    expect(spelled?.filter((token) => token === endOfTurn)).toEqual([endOfTurn]);
  });

  test('stops when its signal says so, while running and while waiting', async () => {
    const controller = new AbortController();
    const runs = Array.from({ length: 6 }, () =>
      engine.generate(ask('Tell me a story about a fox.', { maxTokens: 400, temperatureMicro: 2_000_000 }), {
        signal: controller.signal,
        onTokens: () => controller.abort(),
      }),
    );
    const settled = await Promise.allSettled(runs);
    expect(settled.map((run) => run.status === 'rejected' && run.reason.code)).toEqual(Array(6).fill('ABORTED'));
    expect((await engine.generate(ask('What is the capital of Spain?'))).text).toBe('The capital of Spain is Madrid.');
  });
});

describe('replay', () => {
  test('S-07: an honest answer has gaps of at most rounding, at temperature 0 and above', async () => {
    for (const temperatureMicro of [0, 800_000]) {
      const options = ask('Tell me a story about a bear.', { temperatureMicro, maxTokens: 120 });
      const answer = await engine.generate(options);
      const { outputTokens, finishReason } = answer;
      const result = await engine.replay({ ...options, outputTokens, finishReason });
      expect(result.promptTokens).toBe(answer.promptTokens);
      expect(result.end).toBe('right');
      expect(result.measurements.tokens).toBe(outputTokens.length);
      expect(Number(result.measurements.largestGapMicro)).toBeLessThan(50_000);
    }
  });

  test('S-07: a changed token shows as a gap', async () => {
    const options = ask('What is the capital of Spain?');
    const { outputTokens, finishReason } = await engine.generate(options);
    const changed = outputTokens.with(3, (outputTokens[3] ?? 0) + 1);
    const result = await engine.replay({ ...options, outputTokens: changed, finishReason });
    expect(result.positions[3]?.gap).toBeGreaterThan(1);
    expect(result.measurements.differing).toBeGreaterThanOrEqual(1);
  });

  test('S-06: an answer that is cut short, or goes on, has a wrong end', async () => {
    const options = ask('What is the capital of Spain?');
    const { outputTokens } = await engine.generate(options);
    const ends = await Promise.all(
      [
        { outputTokens: outputTokens.slice(0, -1), finishReason: 'stop' as const },
        { outputTokens: outputTokens.slice(0, -1), finishReason: 'length' as const },
        { outputTokens: [...outputTokens, 5], finishReason: 'stop' as const },
        { outputTokens, finishReason: 'length' as const },
        { outputTokens: [], finishReason: 'stop' as const },
        { outputTokens: [4_000_000], finishReason: 'length' as const },
        { outputTokens, finishReason: 'stop' as const },
      ].map(async (claim) => (await engine.replay({ ...options, ...claim })).end),
    );
    expect(ends).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'wrong', 'wrong', 'right']);
  });
});

test('describes its class and the bundled model', () => {
  const { engineClass, manifest, contextSize } = engine.describe();
  expect(engineClass.engine).toBe('llama.cpp');
  expect(engineClass.build).toBe('node-llama-cpp 3.22.1, llama.cpp v0.5.0, prebuilt');
  expect(engineClass.settings).toBe('rules=1 flash-attention=off kv=f16 batch=512 context=512');
  expect(contextSize).toBe(512);
  expect({ ...manifest, fileHash: toHex(manifest.fileHash).slice(0, 8), tokenizerHash: '', templateHash: '' }).toEqual({
    name: 'tiny-spike',
    fileHash: '3e9e44a1',
    fileBytes: 3_521_056n,
    architecture: 'llama',
    quantisation: 'Q8_0',
    tokenizerHash: '',
    templateHash: '',
    totalParameters: 3_279_104n,
    activeParameters: 3_279_104n,
    contextLength: 512,
    vocabulary: 1024,
    licence: 'unspecified',
  });
});

describe('a bad model file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'karmesh-model-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('is refused when it is missing, empty or cut', async () => {
    const path = join(folder, 'bad.gguf');
    await expect(llamaEngine({ modelPath: path })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    await writeFile(path, '');
    await expect(llamaEngine({ modelPath: path })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    await using whole = await open(BUNDLED_MODEL_PATH);
    await writeFile(path, (await whole.readFile()).subarray(0, 3_000_000));
    await expect(llamaEngine({ modelPath: path })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: 'The model file ends before the data of a tensor; it is truncated.',
    });
  });
});
