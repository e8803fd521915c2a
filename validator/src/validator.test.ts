import { toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningMarket, startMarket } from './fixtures/runningMarket.ts';
import { LIE } from './fixtures/startFixtureValidator.ts';

let running: RunningMarket;
beforeAll(async () => {
  running = await startMarket({ committedEpochs: 24n });
}, 120_000);
afterAll(() => running[Symbol.asyncDispose](), 60_000);

test('four validators take a set to a final root: honest workers earn and are paid, liars do not', {
  timeout: 180_000,
}, async () => {
  const { market, view, validators, until } = running;
  const { epochZeroSlot } = view.config();
  await until('epoch 0', () => view.latestSlotHash().slot > epochZeroSlot + 2n);
  const epoch = view.epoch() ?? 0n;
  const entries = running.entries([{ dispatchNumber: 1 }, { dispatchNumber: 2, tokens: [1, 2, LIE] }]);
  await running.publish(entries, { epoch, sequence: 1n });
  await until('the entries', () => validators.every((one) => one.entries(epoch) === 2));
  await until('a final epoch', () => view.epochAccount(epoch)?.state === 6);

  const [honest, lying] = entries;
  const price = honest?.outcome.value.price ?? 0n;
  expect(lying?.outcome.value.price).toBeGreaterThan(0n);
  const account = view.epochAccount(epoch);
  expect(account).toMatchObject({ entryCount: 2, settledCount: 1, settledLamports: price, carriedCount: 0 });
  const paid = new Set(honest?.evidence.receipts.map(({ receipt }) => toHex(receipt.value.worker)));
  expect(paid.size).toBe(3);
  const share = (price * 8_000n) / 10_000n / 3n;
  await until('the claims', () =>
    view.participants().every((one) => !paid.has(toHex(one.address)) || one.lifetimePaid === share),
  );
  for (const worker of market.workers) {
    const one = view.participant(worker.address);
    const earned = paid.has(toHex(worker.address));
    const shown = [one?.lifetimePaid, (one?.lifetime[0] ?? 0n) > 0n, (one?.lifetime[3] ?? 0n) > 0n];
    expect(shown).toEqual([earned ? share : 0n, earned, earned]);
  }
  // Three verdicts: one on the honest answer, two on the lie.
  expect(account?.totals[4]).toBe(30_000n);
  await until('the ledgers', () => validators.every((one) => (one.ledgerEpoch() ?? -1n) >= epoch));
});

test('V-26: a second process with the identity of one that runs watches, sees its votes and never signs', {
  timeout: 180_000,
}, async () => {
  const { view, validators } = running;
  const before = view.epoch() ?? 0n;
  // Something to vote on, so that the one that runs is heard of.
  const entries = running.entries([{ dispatchNumber: 3 }]);
  await running.publish(entries, { epoch: before, sequence: 2n });
  const copy = await running.startCopy(2);
  const seen = await copy.stopped;
  expect(seen).toMatchObject({ code: 'DOPPELGANGER', facts: { seen: expect.stringMatching(/^a (vote|verdict)/) } });
  expect(seen.facts.epoch).toBeGreaterThanOrEqual(before);
  expect(copy.signing()).toBe('stopped');
  // The one that was there first holds all that the chain shows, and goes on.
  expect(validators.map((one) => one.signing())).toEqual(['signing', 'signing', 'signing', 'signing']);
});
