import { expect, test } from 'vitest';
import { readGuide } from './guideBlocks.ts';
import { openGuideReader, quickMarket } from './guideReader.ts';

test('validator: it is made, registered, checked and runs', { timeout: 900_000 }, async () => {
  await using reader = await openGuideReader({ env: quickMarket });
  const printed: string[] = [];
  for (const block of await readGuide('docs/guides/validator.md')) printed.push(await reader.follow(block));
  const text = printed.join('');
  expect(text).toMatch(/^identity +\S+ \(found in identity\.json\)$/m);
  expect(text).toMatch(/^✓ program /m);
  expect(text).toMatch(/^validator +\S+/m);
  expect(text).toMatch(/^next +/m);
});

test('run-a-worker: the worker is registered, serves and earns', { timeout: 900_000 }, async () => {
  await using reader = await openGuideReader({ env: quickMarket });
  const printed: string[] = [];
  for (const block of await readGuide('docs/guides/run-a-worker.md')) printed.push(await reader.follow(block));
  const lines = printed.join('').split('\n');
  expect(lines.some((line) => line.startsWith('Would register '))).toBe(true);
  expect(lines.some((line) => line.startsWith('Registered '))).toBe(true);
  // The last table has the worker's row alone: its address, its role, its karma and what its owner was paid.
  expect(lines.findLast((line) => /^\S+ +worker /.test(line))).toMatch(/ [1-9]\d*$/);
});
