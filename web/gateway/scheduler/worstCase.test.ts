import { priceLamports } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { promptTokensAtMost, tokensWithin } from './worstCase.ts';

test('a prompt has no more tokens than bytes, what a template adds, and the context', () => {
  const messages = [{ role: 'user' as const, content: 'häh' }];
  expect(promptTokensAtMost(messages, 1_000)).toBe(4 + 32 + 96);
  expect(promptTokensAtMost(messages, 100)).toBe(100);
});

test('as many tokens as the money pays for, and no more', () => {
  const asked = { unitPrice: 100_000n, activeParameters: 3_279_104n, promptTokens: 20, maxTokens: 50 };
  const priceOf = (outputTokens: number) => priceLamports({ ...asked, outputTokens });
  for (let tokens = 1; tokens < 50; tokens++) {
    expect(tokensWithin(priceOf(tokens), asked)).toBe(tokens);
    expect(tokensWithin(priceOf(tokens) - 1n, asked)).toBe(tokens - 1);
  }
  expect(tokensWithin(priceOf(50) * 2n, asked)).toBe(50);
  expect(tokensWithin(0n, asked)).toBe(0);
});
