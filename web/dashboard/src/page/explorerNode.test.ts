import { expect, test } from 'vitest';
import { explorerNode } from './explorerNode.ts';

test.each([
  ['EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG', 'https://api.devnet.solana.com'],
  ['4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi', undefined],
  [undefined, undefined],
])('an explorer shows the cluster %s by %s', (genesis, node) => {
  expect(explorerNode(genesis)).toBe(node);
});
