import { expect, test } from 'vitest';
import type { Fault } from '../harness/faults/openFaults.ts';
import { runKillMatrix } from './killMatrix.ts';

// One cell of each kind; `killMatrix.long.test.ts` has them all.
const CELLS: readonly Fault[] = [
  { program: 'worker', stage: 'sealed', signal: 'SIGKILL' },
  { program: 'worker', stage: 'first-token', signal: 'SIGSTOP' },
  { program: 'gateway', stage: 'entered', signal: 'SIGKILL' },
  { program: 'localnet', stage: 'durable', signal: 'SIGKILL' },
  { program: 'validator', stage: 'root:bound', signal: 'SIGKILL' },
];

test('a role killed or frozen in the middle of its work: nothing acknowledged is lost', {
  timeout: 280_000,
}, async () => {
  const result = await runKillMatrix(CELLS, {
    signal: AbortSignal.timeout(270_000),
    print: () => {},
  });
  const { wrong, lost, lostTransfers } = result;
  expect(result.cells.map(({ fault, outcome }) => [fault.program, outcome])).toEqual([
    ['worker', 'answered'],
    ['worker', 'answered'],
    ['gateway', 'connection lost'],
    ['localnet', 'answered'],
    ['validator', 'answered'],
  ]);
  expect({ wrong, lost, lostTransfers }).toEqual({ wrong: [], lost: [], lostTransfers: 0 });
});
