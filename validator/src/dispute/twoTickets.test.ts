import { equalBytes, OFFENCE, toHex } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningMarket, startMarket } from '../fixtures/runningMarket.ts';

// A market of its own: its entries are drawn by the weights that workers begin with, and whoever is paid has another one.

let running: RunningMarket;
beforeAll(async () => {
  running = await startMarket({ committedEpochs: 24n });
}, 120_000);
afterAll(() => running[Symbol.asyncDispose](), 60_000);

test('V-30, V-32, P-44: a gateway that signs two tickets with one number has a case against it, by a validator’s own doing', {
  timeout: 180_000,
}, async () => {
  const { market, view, client, validators, until } = running;
  const { epochZeroSlot } = view.config();
  const perEpoch = 120n;
  const newest = () => view.latestSlotHash().slot - epochZeroSlot;
  const epoch = newest() / perEpoch + 1n;
  // Everybody has seen the epoch begin (I-02).
  await until('a new epoch', () => newest() > epoch * perEpoch + 10n);
  const [first] = running.entries([{ dispatchNumber: 1 }]);
  const { slot } = view.latestSlotHash();
  await until('another slot', () => view.latestSlotHash().slot > slot);
  // The same number for another request: each validator takes both in, and a set can hold only one.
  const [second] = running.entries([{ dispatchNumber: 1 }]);
  if (first === undefined || second === undefined) throw new RangeError('There are two entries.');
  expect(second.ticket.value.ticketNumber).toBe(first.ticket.value.ticketNumber);
  await running.publish([first, second], { epoch, sequence: 3n });
  await until('both entries', () => validators.every((one) => one.entries(epoch) === 2));
  await until('a case', () => (view.participant(market.gateway.address)?.openCases ?? 0) > 0);
  const cases = await client.cases({ signal: AbortSignal.timeout(10_000) });
  const against = cases.find(({ offender }) => equalBytes(offender, market.gateway.address));
  const finders = market.validators.map(({ keypair }) => toHex(keypair.publicKey));
  expect(against?.kind).toBe(OFFENCE.doubleSign);
  expect(finders).toContain(toHex(against?.finder ?? market.gateway.address));
});
