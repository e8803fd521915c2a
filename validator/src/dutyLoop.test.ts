import { KarmeshError } from '@karmesh/sdk/errors';
import { logger } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import type { Duty } from './duties.ts';
import { type DutyLoopOptions, dutyLoop } from './dutyLoop.ts';
import type { DutyResult } from './epoch/dutyParts.ts';

interface Script {
  /** The duties at each slot; the loop ends after the last. */
  readonly slots: readonly (readonly Duty[])[];
  readonly run: (duty: Duty, slot: bigint) => Promise<DutyResult>;
  readonly look?: (slot: bigint) => void;
  readonly dutyTimeoutMs?: DutyLoopOptions['dutyTimeoutMs'];
}

/** Runs the loop with a slot for each look, and tells what was run and said. */
async function play({ slots, run, look, dutyTimeoutMs = 30_000 }: Script): Promise<{
  readonly runs: string[];
  readonly said: string[];
  /** Seconds from when a duty came due, of those that were done. */
  readonly took: number[];
}> {
  let slot = -1n;
  const ending = new AbortController();
  const runs: string[] = [];
  const said: string[] = [];
  const took: number[] = [];
  const log = logger({ name: 'test', level: 'debug' })({
    sink: { write: (line) => said.push(`${slot} ${(JSON.parse(line) as { msg: string }).msg}`) },
  });
  await dutyLoop({ pollMs: 1, dutyTimeoutMs })({
    look: async () => {
      slot += 1n;
      look?.(slot);
    },
    slot: () => slot,
    duties: () => slots[Number(slot)] ?? [],
    run: async (duty) => {
      runs.push(`${slot} ${duty.kind} ${duty.epoch}`);
      return run(duty, slot);
    },
    sleep: async () => {
      // Everything that is ready gets its turn before the next slot.
      await new Promise((resolve) => setImmediate(resolve));
      if (slot + 1n >= BigInt(slots.length)) ending.abort();
    },
    log,
    nowMs: () => Number(slot) * 400,
    observe: ({ seconds }) => {
      if (seconds !== undefined) took.push(seconds);
    },
  })({ signal: ending.signal });
  return { runs, said, took };
}

const attest: Duty = { kind: 'attest', epoch: 3n };
const times = (count: number, duties: readonly Duty[]): readonly (readonly Duty[])[] =>
  Array.from({ length: count }, () => duties);

test('what is done rests until the chain must show it, what waits is asked again in the next slot', async () => {
  const done = await play({ slots: times(8, [attest]), run: async () => 'done' });
  expect(done.runs).toEqual(['0 attest 3', '6 attest 3']);
  const waiting = await play({ slots: times(3, [attest]), run: async () => 'waiting' });
  expect(waiting.runs).toEqual(['0 attest 3', '1 attest 3', '2 attest 3']);
});

test('the time to a duty counts from when it came due, whatever lacked meanwhile', async () => {
  const { took } = await play({
    slots: times(4, [attest]),
    run: async (_, slot) => (slot < 3n ? 'waiting' : 'done'),
  });
  expect(took).toEqual([1.2]);
});

test('a duty tells how long it may take, also in parts of a millisecond', async () => {
  const asked: Duty[] = [];
  const dutyTimeoutMs = (duty: Duty): number => {
    asked.push(duty);
    return 30_000.5;
  };
  const { runs, said } = await play({ slots: [[attest]], run: async () => 'done', dutyTimeoutMs });
  expect({ asked, runs, said }).toEqual({ asked: [attest], runs: ['0 attest 3'], said: [] });
});

test('what was refused is not asked again, but something else of its kind is', async () => {
  const about = (name: string): Duty => ({ ...attest, about: name });
  const { runs } = await play({
    slots: [...times(4, [about('a')]), ...times(2, [about('b')])],
    run: async () => 'refused',
  });
  expect(runs).toEqual(['0 attest 3', '4 attest 3']);
});

test('one of a kind runs at a time, others beside it', async () => {
  const gate = Promise.withResolvers<DutyResult>();
  const audit: Duty = { kind: 'audit', epoch: 3n };
  const { runs } = await play({
    slots: times(4, [attest, { kind: 'attest', epoch: 4n }, audit]),
    run: (duty, slot) => {
      if (slot === 3n) gate.resolve('done');
      return duty.kind === 'attest' ? gate.promise : Promise.resolve('waiting');
    },
  });
  expect(runs.filter((one) => one.includes('attest'))).toEqual(['0 attest 3']);
  expect(runs.filter((one) => one.includes('audit'))).toHaveLength(4);
});

test('a cluster that is down is waited for, and said once', async () => {
  const { runs, said } = await play({
    slots: times(4, [attest]),
    run: async () => 'waiting',
    look: (slot) => {
      if (slot < 2n) throw new KarmeshError('RPC_UNREACHABLE', 'The RPC node does not answer.');
    },
  });
  expect(runs).toEqual(['2 attest 3', '3 attest 3']);
  expect(said).toEqual(['0 The cluster does not answer; waiting for it.', '2 The cluster answers again.']);
});

test('a transaction that came too late is said and tried again; a bug is an error and stops nothing', async () => {
  const { runs, said } = await play({
    slots: times(5, [attest, { kind: 'seal', epoch: 3n }]),
    run: (duty) =>
      Promise.reject(
        duty.kind === 'attest'
          ? new KarmeshError('PROGRAM_ERROR', 'Late.', { name: 'AlreadyVoted' })
          : new TypeError('bug'),
      ),
  });
  expect(runs).toEqual(['0 attest 3', '0 seal 3', '3 attest 3', '3 seal 3']);
  expect(said.slice(0, 2)).toEqual(['0 The chain had moved on.', '0 A duty failed.']);
});
