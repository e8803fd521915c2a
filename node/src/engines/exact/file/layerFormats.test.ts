import { expect, test } from 'vitest';
import { isNormFormat, type LayerFormats, readLayerFormats, writeLayerFormats } from './layerFormats.ts';

const FORMATS: LayerFormats = {
  attentionNorm: 11,
  query: 12,
  key: 11,
  value: 10,
  hiddenNorm: 10,
  gate: 14,
  up: 15,
  hidden: 14,
};

test('X-50: formats read back as they were written', () => {
  expect(readLayerFormats(writeLayerFormats(FORMATS), 'narrow')).toEqual(FORMATS);
});

test.each<readonly [string, Partial<LayerFormats>]>([
  ['a norm output that is wider than its variant', { attentionNorm: 16 }],
  ['a norm output that no norm has', { hiddenNorm: -1 }],
  ['queries and keys too coarse', { query: 1, key: 10 }],
  ['queries too fine', { query: 16 }],
  ['a gate without a fraction bit', { gate: 0, hidden: 6 }],
  ['a hidden vector that does not follow from gate and up', { hidden: 13 }],
  ['values coarser than any weights make them', { value: -33 }],
])('X-15: refuses %s', (_, change) => {
  expect(() => readLayerFormats(writeLayerFormats({ ...FORMATS, ...change }), 'narrow')).toThrow(
    expect.objectContaining({
      code: 'MODEL_INVALID',
      message: 'The converted model has formats that no conversion gives.',
    }),
  );
});

test('X-13: a wide norm keeps at least 8 fraction bits', () => {
  expect([7, 8, 23, 24].map((format) => isNormFormat(format, 'wide'))).toEqual([false, true, true, false]);
});
