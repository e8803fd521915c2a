import { expect, test } from 'vitest';
import { layoutOf } from '../file/exactFile.ts';
import type { ExactShape } from '../file/exactShape.ts';
import { planStages } from './planStages.ts';

/** Llama-3-8B's shape. */
const large: ExactShape = {
  width: 4096,
  layers: 32,
  heads: 32,
  keyHeads: 8,
  headSize: 128,
  hidden: 14_336,
  vocabulary: 128_256,
  context: 131_072,
  pairs: 'neighbours',
  tied: false,
  biases: false,
};
const GIB = 2 ** 30;

test('a model that is larger than one memory is cut into runs of layers that fit', () => {
  const stages = planStages(layoutOf(large), { variant: 'wide', contextSize: 4096, sequences: 1 });
  expect(stages.map(({ from, to }) => [from, to])).toEqual([
    [0, 13],
    [13, 28],
    [28, 32],
  ]);
  for (const { bytes } of stages) expect(bytes).toBeLessThan(3.75 * GIB);
});

test('a small model is one stage', () => {
  const small = { ...large, width: 256, layers: 4, heads: 8, keyHeads: 4, headSize: 32, hidden: 640, vocabulary: 1024 };
  const stages = planStages(layoutOf(small), { variant: 'narrow', contextSize: 512, sequences: 4 });
  expect(stages.map(({ from, to }) => [from, to])).toEqual([[0, 4]]);
});

test('caches that no memory holds are refused with the layer and the limit', () => {
  const options = { variant: 'wide', contextSize: 131_072, sequences: 8 } as const;
  expect(() => planStages(layoutOf(large), options)).toThrow(
    'A layer of the model and its caches do not fit into one memory.',
  );
});
