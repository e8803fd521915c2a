import { expect, test } from 'vitest';
import { passingBytes } from './bundle.ts';
import { recordedBundle } from './recordedBundle.ts';

test('B-01 to B-08: no bundle with one bit flipped passes (every byte)', { timeout: 600_000 }, () => {
  const { file, chain } = recordedBundle();
  expect(passingBytes(file, chain, 1)).toEqual([]);
});
