import { expect, test } from 'vitest';
import { conversionProgress } from './conversionProgress.ts';

test('progress is drawn once for each percent', () => {
  const lines: string[] = [];
  const show = conversionProgress({ progress: (line) => lines.push(line) });
  for (const done of [0, 1, 2, 500, 1000]) show({ step: 'convert', done, total: 1000 });
  show({ step: 'check', done: 0, total: 0 });
  expect(lines).toEqual([
    'Converting [..............................]   0 %',
    'Converting [###############...............]  50 %',
    'Converting [##############################] 100 %',
    'Checking the result [##############################] 100 %',
  ]);
});
