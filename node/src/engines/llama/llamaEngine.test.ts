import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineSuite } from '../../fixtures/engineSuite.ts';
import { BUNDLED_MODEL_PATH } from '../../models/bundled.ts';
import { llamaEngine } from './llamaEngine.ts';

engineSuite('the llama engine', {
  open: () => llamaEngine({ modelPath: BUNDLED_MODEL_PATH }),
  honestGapMicro: 50_000,
});

test('describes its class and the bundled model', async () => {
  await using engine = await llamaEngine({ modelPath: BUNDLED_MODEL_PATH });
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
