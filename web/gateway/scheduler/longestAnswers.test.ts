import { expect, test } from 'vitest';
import { longestAnswers } from './longestAnswers.ts';

const modelId = new Uint8Array(32).fill(3);
const other = new Uint8Array(32).fill(4);

test('answers may be as long as asked for until one was too late, and then half as long each time, for that model alone', () => {
  const { late, within } = longestAnswers({ sealMs: 90_000 });
  expect(within(modelId, 4_000)).toBe(4_000);
  late({ modelId, maxTokens: 4_000 });
  expect([within(modelId, 4_000), within(modelId, 100), within(other, 4_000)]).toEqual([2_000, 100, 4_000]);
  for (let i = 0; i < 20; i++) late({ modelId, maxTokens: 4_000 });
  expect(within(modelId, 4_000)).toBe(16);
});

test('the pace of an answer that came in time lets them be longer again, never shorter', () => {
  const { late, sealed, within } = longestAnswers({ sealMs: 90_000 });
  late({ modelId, maxTokens: 4_000 });
  sealed({ modelId, tokens: 100, ms: 90_000 });
  expect(within(modelId, 4_000)).toBe(2_000);
  sealed({ modelId, tokens: 100, ms: 3_000 });
  expect(within(modelId, 4_000)).toBe(3_000);
});
