import { readFileSync } from 'node:fs';
import { fromHex } from '@karmesh/sdk/protocol';
import { describe, expect, test } from 'vitest';
import { byLogit, gumbelNoise, sampleToken, type TokenLogit } from './sampler.ts';

interface SamplerVectors {
  readonly noise: readonly {
    readonly requestId: string;
    readonly position: number;
    readonly token: number;
    readonly g: string;
  }[];
  readonly samples: readonly {
    readonly requestId: string;
    readonly position: number;
    readonly temperatureMicro: number;
    readonly logits: readonly (readonly [token: number, logit: number])[];
    readonly token: number;
  }[];
}

const vectors: SamplerVectors = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/sampler.json', import.meta.url), 'utf8'),
);

function bits(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, '0');
}

describe('test/vectors/sampler.json', () => {
  test('S-03: the noise has these bits', () => {
    expect(vectors.noise.length).toBeGreaterThan(0);
    for (const { requestId, position, token, g } of vectors.noise)
      expect(bits(gumbelNoise({ requestId: fromHex(requestId), position }, token))).toBe(g);
  });

  test('S-04: the sampler takes these tokens', () => {
    expect(vectors.samples.length).toBeGreaterThan(0);
    for (const { requestId, position, temperatureMicro, logits, token } of vectors.samples) {
      const sorted = logits.map(([id, logit]): TokenLogit => ({ token: id, logit })).sort(byLogit);
      expect(sampleToken({ requestId: fromHex(requestId), position, temperatureMicro }, sorted)).toBe(token);
    }
  });
});

const place = { requestId: new Uint8Array(32), position: 0 };

test('S-01: temperature 0 takes the highest logit, of equal ones the lowest id', () => {
  const sorted = [9, 3, 7].map((token) => ({ token, logit: 1.5 })).sort(byLogit);
  expect(sampleToken({ ...place, temperatureMicro: 0 }, sorted)).toBe(3);
});

test('S-02: only the 64 highest logits take part', () => {
  const sorted = Array.from({ length: 200 }, (_, token) => ({ token, logit: 0 }));
  const taken = new Set<number>();
  for (let position = 0; position < 3000; position++)
    taken.add(sampleToken({ ...place, position, temperatureMicro: 1_000_000 }, sorted));
  expect([...taken].sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, token) => token));
});

test('S-04: tokens come as often as the softmax says', () => {
  const sorted = [2, 1, 0].map((logit, token) => ({ token, logit }));
  const counts = [0, 0, 0];
  const draws = 20_000;
  for (let position = 0; position < draws; position++) {
    const token = sampleToken({ ...place, position, temperatureMicro: 500_000 }, sorted);
    counts[token] = (counts[token] ?? 0) + 1;
  }
  const weights = [2, 1, 0].map((logit) => Math.exp(logit / 0.5));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // The draws are fixed by the request id, so that this holds always or never; five standard deviations leave room.
  for (const [token, weight] of weights.entries()) {
    const p = weight / total;
    expect(Math.abs((counts[token] ?? 0) / draws - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / draws));
  }
});
