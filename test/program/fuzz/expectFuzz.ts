import { expect } from 'vitest';
import { PROGRAM_FILE } from '../ledger/programFile.ts';
import { fuzz, NAMES, textOfSummary } from './run.ts';

/** A fuzz that is always refused, or never, shows nothing: each instruction has to be both at least so often. */
const LEAST = 4;

/** Plays the sequences of so many seeds against the committed program, or of `FUZZ_SEED` alone. */
export async function expectFuzz({ from, count }: { readonly from: number; readonly count: number }): Promise<void> {
  const asked = process.env.FUZZ_SEED;
  const seeds = asked === undefined ? { from, count } : { from: Number(asked), count: 1 };
  const result = await fuzz({ programFile: PROGRAM_FILE, ...seeds });
  if ('text' in result) expect.fail(result.text);
  process.stdout.write(`${textOfSummary(result)}\n`);
  if (asked !== undefined) return;
  expect(NAMES.filter((name) => (result.accepted.get(name) ?? 0) < LEAST)).toEqual([]);
  expect(NAMES.filter((name) => (result.refused.get(name) ?? 0) < LEAST)).toEqual([]);
}
