import { createHash } from 'node:crypto';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toJson } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import type { WrittenTensor } from '../../../fixtures/ggufWriter.ts';
import { memorySource } from '../../../fixtures/memoryModel.ts';
import { floats, SMALL, type SmallModelOptions, smallModel } from '../../../fixtures/smallModel.ts';
import { type ConversionPlan, planConversion } from './planConversion.ts';

const planOf = (options: SmallModelOptions, variant?: 'wide'): Promise<ConversionPlan> =>
  planConversion({ source: memorySource(smallModel(options)), variant }, { sha256: () => createHash('sha256') });

test('X-01: families differ in the pairs of RoPE and in biases', async () => {
  const [llama, qwen2] = [await planOf({}), await planOf({ family: 'qwen2', tied: true })];
  expect(llama.model.shape).toEqual({
    ...SMALL,
    pairs: 'neighbours',
    biases: false,
    tied: false,
  });
  expect(qwen2.model.shape).toEqual({ ...SMALL, pairs: 'halves', biases: true, tied: true });
  expect(qwen2.model.layers[1]?.biases?.key.name).toBe('blk.1.attn_k.bias');
  expect([llama.model.epsilon, qwen2.model.head.name]).toEqual([42_950n, 'token_embd.weight']);
});

const norms = (weight: number): SmallModelOptions => ({
  replace: (tensor) =>
    tensor.name === 'blk.1.ffn_norm.weight' ? floats(tensor.name, SMALL.width, () => weight) : tensor,
});

test('X-02: narrow is taken while every norm keeps 10 fraction bits', async () => {
  // 64 x W^2 <= 4^(14 + 5) up to a weight of exactly 4.
  const [fits, over] = [await planOf(norms(4)), await planOf(norms(4.0001))];
  expect([fits.variant, fits.narrowBits, over.variant, over.narrowBits]).toEqual(['narrow', 10, 'wide', 9]);
  expect((await planOf(norms(4), 'wide')).variant).toBe('wide');
});

test('X-17: linear scaling and the divisors of a file change its frequencies', async () => {
  const plain = await planOf({});
  const linear = await planOf({
    metadata: { '.rope.scaling.type': { text: 'linear' }, '.rope.scaling.factor': { f32: 2 } },
  });
  const divided = await planOf({ add: [floats('rope_freqs.weight', 8, (i) => (i < 4 ? 1 : 2))] });
  expect(linear.frequencies[0]).toBe((plain.frequencies[0] ?? 0n) / 2n);
  expect([...divided.frequencies].map((f, i) => f === plain.frequencies[i])).toEqual(
    Array.from({ length: 8 }, (_, i) => i < 4),
  );
});

const without = (name: string): SmallModelOptions => ({
  replace: (tensor) => (tensor.name === name ? undefined : tensor),
});
const changed = (name: string, change: Partial<WrittenTensor>): SmallModelOptions => ({
  replace: (tensor) => (tensor.name === name ? { ...tensor, ...change } : tensor),
});
const meta = (metadata: SmallModelOptions['metadata']): SmallModelOptions =>
  metadata === undefined ? {} : { metadata };

test.each<readonly [string, SmallModelOptions, string]>([
  [
    'another family',
    meta({ 'general.architecture': { text: 'gemma' } }),
    'The model is of a family that exact arithmetic is not defined for. {"architecture":"gemma","known":"llama, qwen2"}',
  ],
  [
    'experts',
    meta({ '.expert_count': { u32: 8 } }),
    'The model has experts, which exact arithmetic is not defined for. {"experts":8}',
  ],
  [
    'a window',
    meta({ '.attention.sliding_window': { u32: 64 } }),
    'The model file asks for a function that exact arithmetic is not defined for. {"key":"attention.sliding_window"}',
  ],
  [
    'no layers',
    meta({ '.block_count': { u32: 0 } }),
    'The model has a shape that exact arithmetic is not defined for. {"what":"layers","value":0,"most":256,"multipleOf":1}',
  ],
  [
    'absurdly many layers',
    meta({ '.block_count': { u32: 0xffffffff } }),
    'The model has a shape that exact arithmetic is not defined for. {"what":"layers","value":4294967295,"most":256,"multipleOf":1}',
  ],
  [
    'a number that is missing',
    meta({ '.feed_forward_length': undefined }),
    'The model file lacks a number that exact arithmetic needs. {"key":"llama.feed_forward_length"}',
  ],
  [
    'a number for each layer',
    meta({ '.attention.head_count_kv': { i32s: [2, 2] } }),
    'The model file lacks a number that exact arithmetic needs. {"key":"llama.attention.head_count_kv"}',
  ],
  [
    'a number of another type',
    meta({ '.block_count': { text: '2' } }),
    'The model file lacks a number that exact arithmetic needs. {"key":"llama.block_count"}',
  ],
  [
    'too long a context',
    meta({ '.context_length': { u32: 131_073 } }),
    'The model has a shape that exact arithmetic is not defined for. {"what":"context","value":131073,"most":131072,"multipleOf":1}',
  ],
  [
    'heads that do not divide the width',
    meta({ '.attention.head_count': { u32: 5 } }),
    'The model has a shape that exact arithmetic is not defined for. {"what":"headSize","value":12.8,"most":256,"multipleOf":16}',
  ],
  [
    'no heads',
    meta({ '.attention.head_count': { u32: 0 } }),
    'The model has a shape that exact arithmetic is not defined for. {"what":"headSize","value":null,"most":256,"multipleOf":16}',
  ],
  [
    'key heads that do not divide the heads',
    meta({ '.attention.head_count_kv': { u32: 3 } }),
    'The model’s key heads do not divide its query heads. {"heads":4,"keyHeads":3}',
  ],
  [
    'a part of a head rotated',
    meta({ '.rope.dimension_count': { u32: 8 } }),
    'The model’s keys, values and rotary positions do not all have the size of a head. {"headSize":16,"valueSize":16,"rotated":8}',
  ],
  [
    'another vocabulary',
    meta({ 'tokenizer.ggml.tokens': { texts: ['a'] } }),
    'The model file has a tensor of another size than its shape gives it. {"tensor":"token_embd.weight","dimensions":"64 x 13","expected":"64 x 1"}',
  ],
  [
    'no vocabulary',
    meta({ 'tokenizer.ggml.tokens': undefined }),
    'The model has a shape that exact arithmetic is not defined for. {"what":"vocabulary","value":0,"most":1048576,"multipleOf":1}',
  ],
  [
    'an epsilon of zero',
    meta({ '.attention.layer_norm_rms_epsilon': { f32: 0 } }),
    'The model’s norms have an epsilon that exact arithmetic cannot hold. {"epsilon":0}',
  ],
  [
    'an epsilon that is no number',
    meta({ '.attention.layer_norm_rms_epsilon': { f32: Number.NaN } }),
    'The model’s norms have an epsilon that exact arithmetic cannot hold. {"epsilon":null}',
  ],
  [
    'another scaling',
    meta({ '.rope.scaling.type': { text: 'yarn' }, '.rope.scaling.factor': { f32: 4 } }),
    'The model scales its rotary positions in a way that exact arithmetic is not defined for. {"type":"yarn","factor":4}',
  ],
  [
    'a factor without a type',
    meta({ '.rope.scaling.factor': { f32: 4 } }),
    'The model scales its rotary positions in a way that exact arithmetic is not defined for. {"type":"none","factor":4}',
  ],
  [
    'a base of zero',
    meta({ '.rope.freq_base': { f32: 0 } }),
    'The model’s rotary positions have an impossible number. {"what":"base","value":0}',
  ],
  [
    'a tensor that is missing',
    without('blk.1.ffn_up.weight'),
    'The model file lacks a tensor that its family has. {"tensor":"blk.1.ffn_up.weight"}',
  ],
  [
    'a bias that is missing',
    { family: 'qwen2', ...without('blk.0.attn_v.bias') },
    'The model file lacks a tensor that its family has. {"tensor":"blk.0.attn_v.bias"}',
  ],
  [
    'a tensor too many',
    { add: [floats('blk.0.attn_q.bias', 64, () => 0)] },
    'The model file has a tensor that its family has not. {"tensor":"blk.0.attn_q.bias","more":0}',
  ],
  [
    'a tensor of another size',
    changed('blk.0.attn_q.weight', { dimensions: [32, 128] }),
    'The model file has a tensor of another size than its shape gives it. {"tensor":"blk.0.attn_q.weight","dimensions":"32 x 128","expected":"64 x 64"}',
  ],
  [
    'a tensor of another type',
    changed('blk.0.attn_q.weight', { ggmlType: 24, data: new Uint8Array(64 * 64) }),
    'The model has a tensor of a type that is not converted. {"tensor":"blk.0.attn_q.weight","type":"I8"}',
  ],
  [
    'a norm of another type',
    changed('output_norm.weight', { ggmlType: 8, data: new Uint8Array(68) }),
    'The model has a tensor of a type that is not converted. {"tensor":"output_norm.weight","type":"Q8_0"}',
  ],
  [
    'a norm weight too large',
    norms(256),
    'The model has a norm weight that is too large for exact arithmetic. {"tensor":"blk.1.ffn_norm.weight","weight":256,"most":256}',
  ],
  [
    'a norm weight that is no number',
    norms(Number.NaN),
    'The model has a weight that is not a number, or too large. {"tensor":"blk.1.ffn_norm.weight","weight":null}',
  ],
])('X-01, X-10, X-12, X-17: refuses %s', async (_, options, refusal) => {
  const refused = await planOf(options).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(KarmeshError);
  const { code, message, facts } = refused as KarmeshError;
  expect([code, `${message} ${toJson(facts)}`]).toEqual(['MODEL_INVALID', refusal]);
});
