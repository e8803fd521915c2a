import { expect, test } from 'vitest';
import { mutated } from './buildMutant.ts';
import { MUTANTS } from './mutants.ts';

test.each(MUTANTS)('$name: its place is in the source, once', async (mutant) => {
  expect(await mutated(mutant)).toContain(mutant.after);
});

test('a text that is not there is no bug', async () => {
  const [first] = MUTANTS;
  if (first === undefined) throw new RangeError('There are no bugs.');
  await expect(
    mutated({ ...first, name: 'nothing', before: 'nowhere to be found' }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[Error: "nothing" changes a text that stands 0 times in processor/withdraw_stake.rs: nowhere to be found]`,
  );
});
