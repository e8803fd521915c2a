import { expect, test } from 'vitest';
import { explorerAccountLink, explorerLink } from './explorer.ts';

test.each([
  ['https://api.devnet.solana.com', 'https://explorer.solana.com/tx/abc?cluster=devnet'],
  [
    'http://127.0.0.1:8899',
    'https://explorer.solana.com/tx/abc?cluster=custom&customUrl=http%3A%2F%2F127.0.0.1%3A8899',
  ],
])('links a transaction on %s', (rpcUrl, link) => {
  expect(explorerLink('abc', { rpcUrl })).toBe(link);
});

test('links an account', () => {
  expect(explorerAccountLink('abc', { rpcUrl: 'https://api.devnet.solana.com' })).toBe(
    'https://explorer.solana.com/address/abc?cluster=devnet',
  );
});
