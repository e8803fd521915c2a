import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { evidenceBudget } from './evidenceBudget.ts';
import { openFindingStore } from './findingStore.ts';

test('V-33: a bond that came back may be spent again, and one of an epoch that is over changes nothing', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-budget-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'evidence.db');
  let epoch = 0n;
  const observed: bigint[] = [];
  const budgetOver = (store: ReturnType<typeof openFindingStore>) =>
    evidenceBudget({
      limitLamports: 100n,
      store,
      epoch: () => epoch,
      log: { warn: () => {} },
      observe: (lamports) => observed.push(lamports),
    });
  const first = openFindingStore(path);
  const budget = budgetOver(first);
  expect([budget.take(60n), budget.take(60n)]).toEqual([true, false]);
  first[Symbol.dispose]();
  // What is outstanding is known after a restart.
  const store = stack.use(openFindingStore(path));
  const again = budgetOver(store);
  expect(again.take(60n)).toBe(false);
  again.giveBack(50n);
  expect([again.take(60n), store.spent(0n)]).toEqual([true, 70n]);
  again.giveBack(90n);
  expect(store.spent(0n)).toBe(0n);
  epoch = 1n;
  again.giveBack(10n);
  expect([store.spent(1n), again.take(100n), again.take(1n)]).toEqual([0n, true, false]);
  expect(observed).toEqual([60n, 10n, 70n, 0n, 0n, 100n]);
});
