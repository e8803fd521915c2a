import { expect, test } from 'vitest';
import { checkProvable } from './checkProvable.ts';

const model = {
  layers: 23,
  width: 64,
  queryWidth: 64,
  keyWidth: 32,
  hidden: 4096,
  vocabulary: 512,
  variant: 'narrow' as const,
};

test('P-23: 23 layers have keys in a registry, and one more has not', () => {
  expect(() => checkProvable(model)).not.toThrow();
  expect(() => checkProvable({ ...model, layers: 24 })).toThrow('more operators than a registry has room for');
});

test('Z-45: tensors are of one chunk', () => {
  expect(() => checkProvable({ ...model, hidden: 4097 })).toThrow('wider than circuits are');
});
