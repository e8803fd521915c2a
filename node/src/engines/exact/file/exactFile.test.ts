import { expect, test } from 'vitest';
import { EXACT_HEADER_BYTES, type ExactHeader, layoutOf, readExactHeader, writeExactHeader } from './exactFile.ts';
import type { ExactShape } from './exactShape.ts';

const SHAPE: ExactShape = {
  width: 64,
  layers: 2,
  heads: 4,
  keyHeads: 2,
  headSize: 16,
  hidden: 96,
  vocabulary: 13,
  context: 128,
  pairs: 'halves',
  tied: false,
  biases: true,
};
const HEADER: ExactHeader = { variant: 'wide', shape: SHAPE, epsilon: 42_950n, sourceHash: new Uint8Array(32).fill(7) };

test('X-50: a header reads back as it was written', () => {
  const { fileBytes } = layoutOf(SHAPE);
  const { layout, ...header } = readExactHeader(writeExactHeader(HEADER), fileBytes);
  expect(header).toEqual(HEADER);
  expect(layout).toEqual(layoutOf(SHAPE));
});

test('X-50: sections follow each other, each at the next multiple of 64', () => {
  const { frequencies, embeddingScales, embedding, layers, finalFormat, finalNorm, head } = layoutOf(SHAPE);
  expect({ frequencies, embeddingScales, embedding }).toEqual({
    frequencies: { offset: 128, bytes: 64 },
    embeddingScales: { offset: 192, bytes: 52 },
    embedding: { offset: 256, bytes: 1024 },
  });
  expect(layers[0]?.formats).toEqual({ offset: 1280, bytes: 32 });
  expect(layers[0]?.query).toEqual({
    rows: 64,
    paddedRows: 64,
    columns: 64,
    shifts: { offset: 1600, bytes: 256 },
    multipliers: { offset: 1856, bytes: 256 },
    weights: { offset: 2112, bytes: 4096 },
  });
  expect(layers[0]?.biases?.value.bytes).toBe(128);
  expect(finalNorm.offset).toBe(finalFormat.offset + 64);
  expect(head).toMatchObject({ rows: 13, paddedRows: 16, columns: 64, shifts: { bytes: 64 } });
});

test('X-50: a tied model has no embedding of its own', () => {
  const { embedding, head } = layoutOf({ ...SHAPE, tied: true });
  expect(embedding).toEqual(head.weights);
});

const patched = (change: (view: DataView) => void): Uint8Array => {
  const bytes = writeExactHeader(HEADER);
  change(new DataView(bytes.buffer, bytes.byteOffset));
  return bytes;
};

test.each<readonly [string, Uint8Array, string]>([
  [
    'cut',
    writeExactHeader(HEADER).subarray(0, EXACT_HEADER_BYTES - 1),
    'The converted model is shorter than its header.',
  ],
  ['of another kind', patched((view) => view.setUint8(0, 0)), 'The file does not begin as a converted model does.'],
  [
    'of another version',
    patched((view) => view.setUint32(8, 2, true)),
    'The converted model is of another version of exact arithmetic.',
  ],
  [
    'of no known variant',
    patched((view) => view.setUint32(12, 2, true)),
    'The converted model’s header has a field that no conversion writes.',
  ],
  [
    'with an unknown flag',
    patched((view) => view.setUint32(52, 4, true)),
    'The converted model’s header has a field that no conversion writes.',
  ],
  [
    'without a constant under the root',
    patched((view) => view.setBigUint64(56, 31n, true)),
    'The converted model’s header has a field that no conversion writes.',
  ],
  [
    'with too many layers',
    patched((view) => view.setUint32(20, 257, true)),
    'The model has a shape that exact arithmetic is not defined for.',
  ],
  [
    'with an absurd vocabulary',
    patched((view) => view.setUint32(44, 0xffffffff, true)),
    'The model has a shape that exact arithmetic is not defined for.',
  ],
  [
    'with key heads that do not fit',
    patched((view) => view.setUint32(28, 3, true)),
    'The model’s key heads do not divide its query heads.',
  ],
  [
    'of another size',
    patched((view) => view.setUint32(20, 3, true)),
    'The converted model has another size than its header makes it; it is truncated or damaged.',
  ],
])('X-50: refuses a header %s', (_, bytes, sentence) => {
  expect(() => readExactHeader(bytes, layoutOf(SHAPE).fileBytes)).toThrow(
    expect.objectContaining({ code: 'MODEL_INVALID', message: sentence }),
  );
});
