import { readFile } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toJson } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import type { WrittenTensor } from '../../../fixtures/ggufWriter.ts';
import { convertInMemory } from '../../../fixtures/memoryModel.ts';
import { plainConversion } from '../../../fixtures/plainConversion.ts';
import { floats, SMALL, type SmallModelOptions, type SmallType, smallModel } from '../../../fixtures/smallModel.ts';
import { BUNDLED_MODEL_PATH } from '../../../models/bundled.ts';
import type { ConversionProgress } from './modelBytes.ts';

test.each<readonly [string, SmallModelOptions, 'wide' | undefined]>([
  ['llama in Q8_0', {}, undefined],
  ['llama in Q8_0, wide', {}, 'wide'],
  ['llama in Q4_0', { type: 'Q4_0', seed: 2 }, undefined],
  ['llama in F16, tied', { type: 'F16', tied: true, seed: 3 }, undefined],
  ['llama in BF16', { type: 'BF16', seed: 4 }, undefined],
  ['llama in F32', { type: 'F32', seed: 5 }, undefined],
  ['qwen2 in Q8_0', { family: 'qwen2', seed: 6 }, undefined],
  ['qwen2 in F32, tied, wide', { family: 'qwen2', type: 'F32', tied: true, seed: 7 }, 'wide'],
  [
    'large biases',
    {
      family: 'qwen2',
      seed: 8,
      replace: (tensor) =>
        tensor.name.endsWith('.bias') ? floats(tensor.name, tensor.dimensions[0] ?? 0, (i) => (i - 7) * 3) : tensor,
    },
    'wide',
  ],
  [
    'large norm weights',
    {
      seed: 9,
      replace: (tensor) =>
        tensor.name.endsWith('_norm.weight') ? floats(tensor.name, SMALL.width, (i) => (i % 7) - 30.123) : tensor,
    },
    undefined,
  ],
  [
    'a matrix of zeros',
    {
      type: 'F32',
      seed: 10,
      replace: (tensor) =>
        /attn_v|output.weight/.test(tensor.name) ? { ...tensor, data: tensor.data.fill(0) } : tensor,
    },
    undefined,
  ],
])('X-10 to X-16, X-50: %s becomes what the definition says, byte by byte', async (_, options, variant) => {
  const gguf = smallModel(options);
  const { file, plan } = await convertInMemory(gguf, variant === undefined ? {} : { variant });
  const plain = plainConversion(gguf, { frequencies: plan.frequencies, wide: plan.variant === 'wide' });
  const different = file.findIndex((byte, i) => byte !== plain[i]);
  expect([file.length, different]).toEqual([plain.length, -1]);
});

test('X-50: the bundled model becomes one file everywhere', async () => {
  const { converted, plan } = await convertInMemory(new Uint8Array(await readFile(BUNDLED_MODEL_PATH)));
  const { manifest, modelId, formats } = converted;
  expect(JSON.parse(toJson({ modelId, manifest }))).toMatchInlineSnapshot(`
    {
      "manifest": {
        "activeParameters": "3279104",
        "architecture": "llama",
        "contextLength": 512,
        "fileBytes": "3532352",
        "fileHash": "2147d9c241862824e5b3c63b5d7dae7be1a943003451de65705cb1a26a721d64",
        "licence": "unspecified",
        "name": "tiny-spike-exact",
        "quantisation": "exact-1 narrow",
        "templateHash": "448b526c04bda278b9f056a1eb4c798be6c73bc47e237fee71d8377091f9576f",
        "tokenizerHash": "d6da0e1e18987c9f4f9f7be9a9479dfc770cd1b6d50955a584cfa7d991c522c0",
        "totalParameters": "3279104",
        "vocabulary": 1024,
      },
      "modelId": "79425aafc3fd9145667aa3c52dbd3915986b4770b2c22f3ef3e2be6f70b7a8a5",
    }
  `);
  expect(plan.narrowBits).toBe(10);
  expect(formats).toMatchInlineSnapshot(`
    {
      "final": 10,
      "layers": [
        {
          "attentionNorm": 11,
          "gate": 14,
          "hidden": 14,
          "hiddenNorm": 10,
          "key": 11,
          "query": 13,
          "up": 15,
          "value": 12,
        },
        {
          "attentionNorm": 10,
          "gate": 14,
          "hidden": 14,
          "hiddenNorm": 10,
          "key": 10,
          "query": 12,
          "up": 15,
          "value": 11,
        },
        {
          "attentionNorm": 10,
          "gate": 14,
          "hidden": 14,
          "hiddenNorm": 10,
          "key": 10,
          "query": 12,
          "up": 15,
          "value": 11,
        },
        {
          "attentionNorm": 10,
          "gate": 14,
          "hidden": 14,
          "hiddenNorm": 10,
          "key": 10,
          "query": 12,
          "up": 14,
          "value": 10,
        },
      ],
    }
  `);
});

test('a conversion says how far it has come, in bytes of what it reads', async () => {
  const steps: ConversionProgress[] = [];
  await convertInMemory(smallModel(), { onProgress: (progress) => steps.push(progress) });
  expect([...new Set(steps.map(({ step }) => step))]).toEqual(['hash', 'convert', 'check']);
  for (const step of ['hash', 'convert', 'check'] as const) {
    const last = steps.filter((each) => each.step === step).at(-1);
    expect(last?.done).toBe(last?.total);
  }
});

test('a conversion ends when it is told to', async () => {
  const abort = new AbortController();
  const stopped = convertInMemory(smallModel(), {
    signal: abort.signal,
    onProgress: ({ step }) => {
      if (step === 'convert') abort.abort();
    },
  });
  await expect(stopped).rejects.toMatchObject({ code: 'ABORTED', message: 'Reading the model was stopped.' });
});

const withTensor = (name: string, change: (tensor: WrittenTensor) => WrittenTensor): SmallModelOptions => ({
  replace: (tensor) => (tensor.name === name ? change(tensor) : tensor),
});
const half = (name: string, bits: number): SmallModelOptions =>
  withTensor(name, (tensor) => {
    new DataView(tensor.data.buffer).setUint16(34, bits, true);
    return tensor;
  });
const first = (type: SmallType, name: string, value: number): SmallModelOptions => ({
  type,
  ...withTensor(name, (tensor) => {
    new DataView(tensor.data.buffer).setFloat32(4, value, true);
    return tensor;
  }),
});
const scaled = (pattern: RegExp, bits: number): SmallModelOptions => ({
  replace: (tensor) => {
    const view = new DataView(tensor.data.buffer);
    if (pattern.test(tensor.name)) for (let at = 0; at < tensor.data.length; at += 34) view.setUint16(at, bits, true);
    return tensor;
  },
});

test.each<readonly [string, SmallModelOptions, string]>([
  [
    'a scale that is infinite',
    half('blk.0.attn_q.weight', 0x7c00),
    'The model has a scale that is not a finite number. blk.0.attn_q.weight',
  ],
  [
    'a scale that is no number',
    half('output.weight', 0xfe00),
    'The model has a scale that is not a finite number. output.weight',
  ],
  [
    'a weight that is no number',
    first('F32', 'blk.1.ffn_up.weight', Number.NaN),
    'The model has a weight that is not a number, or too large. blk.1.ffn_up.weight',
  ],
  [
    'an infinite weight',
    first('F32', 'token_embd.weight', Number.NEGATIVE_INFINITY),
    'The model has a weight that is not a number, or too large. token_embd.weight',
  ],
  [
    'a weight too large for a scale',
    first('F32', 'blk.0.attn_k.weight', 65_520 * 127),
    'The model has a weight that is not a number, or too large. blk.0.attn_k.weight',
  ],
  [
    'gates too large',
    scaled(/ffn_gate/, 0x5400),
    'The model has a layer whose weights are too large for exact arithmetic. 0',
  ],
  [
    'queries and keys too large',
    scaled(/blk.1.attn_[qk]/, 0x4800),
    'The model has a layer whose weights are too large for exact arithmetic. 1',
  ],
  [
    'an output whose rows would be shifted to the left',
    scaled(/blk.1.attn_output/, 0x7bff),
    'The model has a matrix whose scales are too large for exact arithmetic. output of layer 1',
  ],
  [
    'a head whose rows would be shifted to the left',
    scaled(/^output.weight/, 0x7bff),
    'The model has a matrix whose scales are too large for exact arithmetic. head',
  ],
])('X-10, X-15: refuses %s', async (_, options, sentence) => {
  const refused = await convertInMemory(smallModel(options)).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(KarmeshError);
  const { code, message, facts } = refused as KarmeshError;
  expect([code, `${message} ${facts.tensor ?? facts.matrix ?? facts.layer}`]).toEqual(['MODEL_INVALID', sentence]);
});
