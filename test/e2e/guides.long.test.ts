import { expect, test } from 'vitest';
import { readGuide } from './guideBlocks.ts';
import { openGuideReader, quickMarket } from './guideReader.ts';

test('run-a-validator: it is registered, runs, earns a first reward, and its stake is withdrawn', {
  timeout: 1_800_000,
}, async () => {
  await using reader = await openGuideReader({ env: quickMarket });
  const printed: string[] = [];
  for (const block of await readGuide('docs/guides/run-a-validator.md')) printed.push(await reader.follow(block));
  const text = printed.join('');
  expect(text).toMatch(/^identity +\S+ \(found in identity\.json\)$/m);
  expect(text).toMatch(/^✓ program /m);
  expect(text).toMatch(/^validator +\S+/m);
  expect(text).toMatch(/^next +/m);
  expect(text).toMatch(/^Staked 0\.25 SOL \(250000000 lamports\)/m);
  expect(text).toMatch(/^Collected 0\.\d+ SOL \([1-9]\d* lamports\) for /m);
  expect(text).toMatch(/^Said yes\. /m);
  expect(text).toMatch(/^Unstaked 1\.1 SOL /m);
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
