import { explainCheck } from '@karmesh/dashboard/explainCheck';
import { verifyBundle } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { recordedBundle } from '../e2e/recordedBundle.ts';

test('the page says of every step of a real bundle what it proves', () => {
  const { bundle, chain } = recordedBundle();
  const { checks, holds } = verifyBundle(bundle, chain);
  expect(holds).toBe(true);
  expect(checks.filter(({ what }) => explainCheck(what) === undefined)).toEqual([]);
});
