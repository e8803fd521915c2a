import { expect, test } from 'vitest';
import { haltPoint } from './haltPoint.ts';

const honest = [11, 12, 13, 14, 15];
const flood = [11, 12, ...Array.from({ length: 1_000 }, () => 7)];

test.each([
  ['nobody has sent anything', [], 0, 0],
  ['two have sent the same as far as both go', [honest, honest.slice(0, 3)], 0, 5],
  ['one is alone, and little ahead', [honest, []], 3, 5],
  ['one is alone, and the reader has taken nothing', [honest, []], 0, 2],
  ['one floods after what the others say', [honest, flood, honest.slice(0, 4)], 1, 6],
  ['one floods and is shown, and its reader took two tokens', [flood, [], []], 2, 4],
  ['two flood alike', [flood, flood, honest], 0, 1_002],
] as const)('W-22: %s', (_, sent, taken, at) => {
  expect(haltPoint(sent, { taken, mostAhead: 2 })).toBe(at);
});
