import { hash, toHex, ZERO_HASH } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { traceLeaf, traceRootOf } from './trace.ts';

test('S-08: a leaf holds position, token and the four highest logits', () => {
  const top = [
    { token: 7, logit: 1.5 },
    { token: 258, logit: -2 },
  ];
  const bytes = `00${'05000000'}${'07000000'}${'07000000'}${'0000c03f'}${'02010000'}${'000000c0'}${'00'.repeat(16)}`;
  expect(toHex(traceLeaf(5, { token: 7, top }))).toBe(toHex(hash(Buffer.from(bytes, 'hex'))));
});

test('S-08: an odd node is carried up', () => {
  const [a, b, c] = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three leaves');
  const one = new Uint8Array([1]);
  expect(traceRootOf([])).toEqual(ZERO_HASH);
  expect(traceRootOf([a])).toEqual(a);
  expect(traceRootOf([a, b, c])).toEqual(hash(one, hash(one, a, b), c));
});
