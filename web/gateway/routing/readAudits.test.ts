import type { ReportBody, Verdict } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { manualClock } from '../scheduler/fixtures/manualClock.ts';
import { readAudits } from './readAudits.ts';

const bodyOf = (epoch: bigint) => ({ verdicts: [{ value: { epoch } as Verdict }] }) as unknown as ReportBody;

function reader(options: { readonly epochs: bigint }) {
  const state = { last: undefined as bigint | undefined, missing: new Set<bigint>(), isAway: false };
  const seen: bigint[] = [];
  const warned: string[] = [];
  const reading = readAudits({ everyMs: 1_000, fetchMs: 5_000, ...options })({
    lastFinalised: () => state.last,
    bodies: {
      async report(epoch) {
        if (state.isAway) throw new Error('away');
        return state.missing.has(epoch) ? undefined : { body: bodyOf(epoch), verdictsRoot: new Uint8Array(32) };
      },
    },
    clock: manualClock(),
    onVerdict: ({ epoch }) => seen.push(epoch),
    log: { warn: (_: unknown, sentence = '') => warned.push(sentence) },
  });
  return { reading, seen, state, warned };
}

test('each final epoch is read once, in order, and the oldest are passed over', async () => {
  const { reading, seen, state } = reader({ epochs: 3n });
  await using _ = reading;
  await reading.look();
  expect(seen).toEqual([]);
  state.last = 5n;
  await reading.look();
  await reading.look();
  expect(seen).toEqual([3n, 4n, 5n]);
  state.last = 6n;
  await reading.look();
  expect(seen).toEqual([3n, 4n, 5n, 6n]);
});

test('the newest report is waited for, one that never was is passed over, and a failure is made good', async () => {
  const { reading, seen, state } = reader({ epochs: 8n });
  await using _ = reading;
  state.last = 2n;
  state.missing = new Set([1n, 2n]);
  await reading.look();
  expect(seen).toEqual([0n]);
  state.isAway = true;
  await expect(reading.look()).rejects.toThrow('away');
  state.isAway = false;
  state.missing = new Set([1n]);
  await reading.look();
  expect(seen).toEqual([0n, 2n]);
});
