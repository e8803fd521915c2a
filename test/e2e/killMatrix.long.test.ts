import { expect, test } from 'vitest';
import { ALL_CELLS, runKillMatrix } from './killMatrix.ts';

test('every role killed and frozen at every stage of a request and of an epoch: nothing acknowledged is lost', {
  timeout: 45 * 60_000,
}, async () => {
  const signal = AbortSignal.timeout(44 * 60_000);
  const result = await runKillMatrix(ALL_CELLS, { signal, print: (line) => process.stdout.write(`${line}\n`) });
  const { wrong, lost, lostTransfers, answers } = result;
  process.stdout.write(`${result.cells.length} cells, ${answers} answers\n`);
  expect(result.cells.length).toBeGreaterThanOrEqual(40);
  expect({ wrong, lost, lostTransfers }).toEqual({ wrong: [], lost: [], lostTransfers: 0 });
});
