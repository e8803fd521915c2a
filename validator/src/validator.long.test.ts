import { expect, test } from 'vitest';
import { startMarket } from './fixtures/runningMarket.ts';
import { HARD } from './fixtures/startFixtureValidator.ts';

test('T-05, V-22: an answer that nobody could audit is carried and paid later, through a restart and by a validator that lost its folder', {
  timeout: 300_000,
}, async () => {
  await using running = await startMarket();
  const { view, until } = running;
  const { epochZeroSlot } = view.config();
  await until('epoch 0', () => view.latestSlotHash().slot > epochZeroSlot + 2n);
  running.stick(true);
  const epoch = view.epoch() ?? 0n;
  const [hard] = running.entries([{ dispatchNumber: 1, tokens: [1, HARD] }]);
  if (hard === undefined) throw new RangeError('One entry was wished for.');
  await running.publish([hard], { epoch, sequence: 1n });
  await until('the entry', () => running.validators.every((one) => one.entries(epoch) === 1));
  await running.restart(1, 'same');
  await until('a report that carries', () => view.epochAccount(epoch)?.state === 6);
  expect(view.epochAccount(epoch)).toMatchObject({ entryCount: 1, settledCount: 0, carriedCount: 1 });

  await running.restart(0, 'empty');
  running.stick(false);
  await until('the newcomer’s ledger', () => (running.validators[0]?.ledgerEpoch() ?? -1n) >= epoch);
  const { price } = hard.outcome.value;
  const settled = (): bigint =>
    Array.from({ length: 12 }, (_, i) => view.epochAccount(epoch + 1n + BigInt(i))).reduce(
      (sum, one) => sum + (one?.state === 6 ? one.settledLamports : 0n),
      0n,
    );
  await until('a later report that pays', () => settled() === price);
  const share = (price * 8_000n) / 10_000n / 3n;
  await until('the claims', () => view.participants().filter((one) => one.lifetimePaid === share).length === 3);
});
