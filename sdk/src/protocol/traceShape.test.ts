import { describe, expect, test } from 'vitest';
import { CHUNK_VALUES, type TraceModel, traceShape } from './traceShape.ts';

const model: TraceModel = {
  layers: 3,
  width: CHUNK_VALUES + 32,
  queryWidth: 64,
  keyWidth: 32,
  hidden: 2 * CHUNK_VALUES,
  vocabulary: 3 * CHUNK_VALUES + 1,
  variant: 'narrow',
};

describe.each(['blocks', 'operators'] as const)('level %s', (level) => {
  const shape = traceShape(model, { level, promptTokens: 4 });

  test('X-71: every leaf has one place, in the order of positions, tensors and chunks', () => {
    const places = Array.from({ length: shape.leaves(7) }, (_, index) => shape.placeOf(index));
    expect(places.map((place) => shape.indexOf(place))).toEqual(places.map((_, index) => index));
    const keys = places.map(({ position, tensor, chunk }) => (position * 100 + tensor) * 100 + chunk);
    expect(keys).toEqual([...keys].sort((a, b) => a - b));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('X-70: the last norm and the logits are there from the end of the prompt on', () => {
    const [early, late] = [2, 3].map((position) => shape.leaves(position + 1) - shape.leaves(position));
    // Two leaves of the norm and four of the logits.
    expect((late ?? 0) - (early ?? 0)).toBe(level === 'blocks' ? 0 : 6);
  });

  test('refuses an index that no leaf has', () => {
    expect(() => shape.placeOf(-1)).toThrow('A trace has no leaf of this index.');
  });
});

test('X-70: a position of a model with L layers has 3L tensors at level blocks and 11L + 3 at level operators', () => {
  const counts = (['blocks', 'operators'] as const).map(
    (level) => traceShape(model, { level, promptTokens: 1 }).tensors.length,
  );
  expect(counts).toEqual([9, 36]);
});
