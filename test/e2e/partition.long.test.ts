import { expect, test } from 'vitest';
import { runPartitions } from './partition.ts';

test('a market that is cut in each phase of an epoch goes on in both halves, and every answer is paid once', {
  timeout: 20 * 60_000,
}, async () => {
  const signal = AbortSignal.timeout(19 * 60_000);
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const times = ['open', 'closed', 'attested', 'beacon', 'verdicts', 'reported', 'finalised'] as const;
  const { whileCut, unreached, wrong, unpaid, answers } = await runPartitions(times, { signal, print });
  process.stdout.write(`${times.length} cuts, ${answers} answers\n`);
  expect(new Set(whileCut)).toEqual(new Set(['answered']));
  // Otherwise nothing was cut.
  expect(unreached).toBeGreaterThan(0);
  expect({ wrong, unpaid }).toEqual({ wrong: [], unpaid: [] });
});
