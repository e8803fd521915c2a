import { hash } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EntryPlan, EPOCH_ZERO_SLOT, Market, SLOTS_PER_EPOCH } from '../../sdk/src/protocol/fixtures/market.ts';
import { hashesOf, hexHashOf, type ValidatorAtWork, validatorAtWork } from './validatorAtWork.ts';

// A gateway chooses numbers, times and slots after it has seen what they would draw.

const market = new Market();
const FIRST = EPOCH_ZERO_SLOT + SLOTS_PER_EPOCH;
let validator: ValidatorAtWork;
beforeAll(async () => {
  validator = await validatorAtWork(market);
});
afterAll(() => validator[Symbol.asyncDispose]());

/** Takes the entries in, which alone hold, and gives the numbers of those that stand in the epoch's set. */
async function standing(plans: readonly EntryPlan[], slotOffset: bigint): Promise<readonly bigint[]> {
  await using own = await validatorAtWork(market);
  const entries = plans.map((plan) => market.entry({ slot: FIRST + slotOffset, ...plan }));
  for (const entry of entries) expect(await own.take(entry)).toBe('accept');
  const set = new Set(hashesOf(own.close(1n)));
  return entries.filter((entry) => set.has(hexHashOf(entry))).map((entry) => entry.dispatch.value.dispatchNumber);
}

test('E-36: a ticket issued before the one with a lower number is backdated and stands in no set', async () => {
  const backdated: EntryPlan = {
    dispatchNumber: 2n,
    ticket: (value) => ({ ...value, issuedAtMs: value.issuedAtMs - 60_000n }),
  };
  expect(await standing([{ dispatchNumber: 1n }, backdated, { dispatchNumber: 3n }], 5n)).toEqual([1n, 3n]);
});

test('E-36: a dispatch with a higher number and an older slot, whose hash was known, stands in no set', async () => {
  const earlier = (value: { readonly issuedAtMs: bigint }): bigint => value.issuedAtMs - 10_000n;
  const plans: EntryPlan[] = [
    { dispatchNumber: 1n, slot: FIRST + 20n, ticket: (value) => ({ ...value, issuedAtMs: earlier(value) }) },
    { dispatchNumber: 2n, slot: FIRST + 3n },
  ];
  expect(await standing(plans, 0n)).toEqual([1n]);
});

test('E-12: an answer that was finished before it was dispatched is rejected', async () => {
  const outcome: EntryPlan['outcome'] = (value) => ({ ...value, finishedAtMs: value.finishedAtMs - 60_000n });
  expect(await validator.take(market.entry({ outcome }))).toBe('reject E-12');
});

test('E-21: a seal cannot have arrived before its dispatch, nor after the outcome', async () => {
  for (const shift of [-60_000n, 60_000n]) {
    const plan: EntryPlan = { arrivedAtMs: (value, place) => (place === 1 ? value + shift : value) };
    expect(await validator.take(market.entry(plan))).toBe('reject E-21');
  }
});

test('E-33: a dispatch number that was used for a draw is not used for another', async () => {
  await using own = await validatorAtWork(market);
  const first = market.entry({ dispatchNumber: 1n });
  const again = market.entry({ dispatchNumber: 1n, slot: FIRST + 9n, ticketNumber: 77n });
  expect([await own.take(first), await own.take(again)]).toEqual(['accept', 'accept']);
  expect(own.close(1n).entries).toHaveLength(1);
});

test('E-33: a ticket is dispatched once, so that nobody draws again for it', async () => {
  await using own = await validatorAtWork(market);
  const first = market.entry({ dispatchNumber: 1n, ticketNumber: 5n });
  const again = market.entry({ dispatchNumber: 2n, ticketNumber: 5n });
  expect([await own.take(first), await own.take(again)]).toEqual(['accept', 'accept']);
  expect(own.close(1n).entries).toHaveLength(1);
});

test('E-14: a preimage that was not committed, or is another number’s, is rejected', async () => {
  const invented: EntryPlan = { dispatch: (value) => ({ ...value, preimage: hash(value.preimage, value.preimage) }) };
  expect(await validator.take(market.entry(invented))).toBe('reject E-14');
  const other = market.entry({ dispatchNumber: 2n }).dispatch.value.preimage;
  const borrowed: EntryPlan = { dispatch: (value) => ({ ...value, preimage: other }) };
  expect(await validator.take(market.entry(borrowed))).toBe('reject E-14');
});

test('E-14: a number beyond the committed chain, or none, is rejected', async () => {
  for (const dispatchNumber of [0n, 257n, 1n << 40n]) {
    const plan: EntryPlan = { dispatch: (value) => ({ ...value, dispatchNumber }) };
    expect(await validator.take(market.entry(plan))).toBe('reject E-14');
  }
});

test('E-37: grinding the draw: numbers whose draw it dislikes may not be left out in bulk', async () => {
  // It knows its preimages, so it computes the draws of numbers 1 to 60 in one slot and uses the one that it likes best.
  expect(await standing([{ dispatchNumber: 60n }], 10n)).toEqual([]);
  // A gateway that lost a few in a crash keeps the rest.
  expect(await standing([{ dispatchNumber: 1n }, { dispatchNumber: 12n }], 10n)).toEqual([1n, 12n]);
});

test('E-37: a hostile proposer cannot list what an honest one leaves out', async () => {
  await using own = await validatorAtWork(market);
  const liked = market.entry({ dispatchNumber: 60n });
  expect(await own.take(liked)).toBe('accept');
  const honest = own.close(1n);
  expect(honest.entries).toEqual([]);
  const forced = {
    ...honest,
    entries: [{ entryHash: Buffer.from(hexHashOf(liked), 'hex'), price: liked.outcome.value.price }],
  };
  expect(own.attest(forced)).toBe('E-37');
});
