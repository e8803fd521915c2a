import { expect, test } from 'vitest';
import { missingTools } from './buildMutant.ts';
import { findMutants, rowOf } from './findMutants.ts';
import { MUTANTS } from './mutants.ts';

const MOST = 10_000;

test.skipIf(missingTools() !== undefined)(
  'every planted bug is found (skipped where rustup is missing)',
  { timeout: 7_200_000 },
  async () => {
    process.stdout.write('| bug | sequences | steps | shrunk to | by |\n| --- | --- | --- | --- | --- |\n');
    const hunted = await findMutants(MUTANTS, {
      most: MOST,
      onHunted: (one) => process.stdout.write(`${rowOf(one)}\n`),
    });
    expect(hunted.filter(({ found }) => found === undefined).map(({ name }) => name)).toEqual([]);
  },
);
