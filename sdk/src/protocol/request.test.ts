import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { fromHex, toHex } from './bytes.ts';
import { decode, encode } from './codec.ts';
import { engineClassCodec, engineClassIdOf } from './engineClass.ts';
import { plainValue } from './fixtures/plainValue.ts';
import { modelIdOf, modelManifestCodec } from './model.ts';
import { extendUsageChain, outputHashOf, sealValueOf } from './output.ts';
import { type FinishReason, inferenceRequestCodec, REQUEST_LIMITS, requestIdOf } from './request.ts';

interface Encoded {
  readonly fields: unknown;
  readonly encoded: string;
}
interface Vectors {
  readonly domain: string;
  readonly requests: readonly (Encoded & { readonly requestId: string })[];
  readonly model: Encoded & { readonly modelId: string };
  readonly engineClass: Encoded & { readonly engineClassId: string };
  readonly outputs: {
    readonly cases: readonly {
      readonly promptTokens: number;
      readonly finishReason: FinishReason;
      readonly tokens: readonly number[];
      readonly outputHash: string;
    }[];
  };
  readonly seal: Readonly<Record<'requestId' | 'worker' | 'outputHash' | 'traceRoot' | 'salt' | 'seal', string>>;
  readonly usageChain: {
    readonly requestId: string;
    readonly chunks: readonly (readonly number[])[];
    readonly chain: readonly string[];
  };
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/request.json', import.meta.url), 'utf8'),
);
const domain = fromHex(vectors.domain);

test('F-10, F-11: requests decode, encode and hash to the vectors', () => {
  for (const vector of vectors.requests) {
    const request = decode(inferenceRequestCodec, fromHex(vector.encoded));
    expect(plainValue(request)).toEqual(vector.fields);
    expect(toHex(encode(inferenceRequestCodec, request))).toBe(vector.encoded);
    expect(toHex(requestIdOf(domain, request))).toBe(vector.requestId);
  }
});

test('F-10: a request keeps to its bounds', () => {
  const request = decode(inferenceRequestCodec, fromHex(vectors.requests[0]?.encoded ?? ''));
  const message = { role: 'user' as const, content: '' };
  for (const broken of [
    { ...request, stops: Array.from({ length: REQUEST_LIMITS.stops + 1 }, () => 'a') },
    { ...request, stops: ['a'.repeat(REQUEST_LIMITS.stopBytes + 1)] },
    { ...request, messages: Array.from({ length: REQUEST_LIMITS.messages + 1 }, () => message) },
    { ...request, messages: [{ ...message, content: 'a'.repeat(REQUEST_LIMITS.contentBytes + 1) }] },
    { ...request, blinding: new Uint8Array(31) },
  ])
    expect(() => encode(inferenceRequestCodec, broken)).toThrow(KarmeshError);
});

test('F-12: a model’s id is the same on every cluster', () => {
  const model = decode(modelManifestCodec, fromHex(vectors.model.encoded));
  expect(plainValue(model)).toEqual(vectors.model.fields);
  expect(toHex(encode(modelManifestCodec, model))).toBe(vectors.model.encoded);
  expect(toHex(modelIdOf(model))).toBe(vectors.model.modelId);
});

test('F-13: an engine class’s id', () => {
  const engineClass = decode(engineClassCodec, fromHex(vectors.engineClass.encoded));
  expect(plainValue(engineClass)).toEqual(vectors.engineClass.fields);
  expect(toHex(encode(engineClassCodec, engineClass))).toBe(vectors.engineClass.encoded);
  expect(toHex(engineClassIdOf(engineClass))).toBe(vectors.engineClass.engineClassId);
});

test('F-14: an output’s hash covers prompt length, end and tokens', () => {
  expect(vectors.outputs.cases.map((output) => toHex(outputHashOf(domain, output)))).toEqual(
    vectors.outputs.cases.map(({ outputHash }) => outputHash),
  );
});

test('F-15: a seal’s value', () => {
  const { requestId, worker, outputHash, traceRoot, salt, seal } = vectors.seal;
  const value = sealValueOf(domain, {
    requestId: fromHex(requestId),
    worker: fromHex(worker),
    outputHash: fromHex(outputHash),
    traceRoot: fromHex(traceRoot),
    salt: fromHex(salt),
  });
  expect(toHex(value)).toBe(seal);
});

test('F-16: the usage chain starts from the request and grows by chunks', () => {
  let value = fromHex(vectors.usageChain.requestId);
  const chain = vectors.usageChain.chunks.map((chunk) => {
    value = extendUsageChain(domain, value, chunk);
    return toHex(value);
  });
  expect(chain).toEqual(vectors.usageChain.chain);
});
