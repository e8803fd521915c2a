import { type Outcome, outcomeRecord, signRecord } from '@karmesh/sdk/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EntryPlan, label, Market, signerOf } from '../../sdk/src/protocol/fixtures/market.ts';
import { hashesOf, hexHashOf, paid, type ValidatorAtWork, validatorAtWork } from './validatorAtWork.ts';

// Work that was paid for once is shown again: in another entry, under another number, in another epoch, in the next set.

const market = new Market();
let validator: ValidatorAtWork;
beforeEach(async () => {
  validator = await validatorAtWork(market);
});
afterEach(() => validator[Symbol.asyncDispose]());

const settled = market.entry({ dispatchNumber: 1n });

test('E-12: receipts of one dispatch in the entry of another are rejected, though the same workers were drawn', async () => {
  const small = new Market({ workers: 3 });
  await using own = await validatorAtWork(small);
  const places = (plan: EntryPlan): string =>
    small
      .drawn(plan)
      .map(({ index }) => index)
      .join();
  const slots = Array.from({ length: 140 }, (_, i) => 1152n + BigInt(i));
  const slot = slots.find((one) => places({ dispatchNumber: 2n, slot: one }) === places({ dispatchNumber: 1n }));
  if (slot === undefined) throw new RangeError('The fixture never draws the same three.');
  const { evidence } = small.entry({ dispatchNumber: 1n });
  const replayed = small.entry({ dispatchNumber: 2n, slot, evidence: () => evidence });
  expect(await own.take(replayed)).toBe('reject E-12');
  expect(own.held(1n)).toBe(0);
});

test('E-19: a receipt that names another epoch than its dispatch’s is rejected', async () => {
  for (const epoch of [0n, 2n]) {
    const receipt: EntryPlan['receipt'] = (value) => ({ ...value, epoch });
    expect(await validator.take(market.entry({ receipt }))).toBe('reject E-19');
  }
});

test('E-19: a receipt whose body is of another request, model or class is rejected', async () => {
  for (const field of ['requestId', 'modelId', 'engineClass'] as const) {
    const body: EntryPlan['body'] = (value, place) => (place === 0 ? { ...value, [field]: label('another') } : value);
    expect(await validator.take(market.entry({ body }))).toBe('reject E-19');
  }
});

test('E-33: one answer published twice with another outcome is paid once', async () => {
  const again = resigned(settled.outcome.value);
  for (const entry of [settled, again]) expect(await validator.take(entry)).toBe('accept');
  expect(hexHashOf(again)).not.toBe(hexHashOf(settled));
  const body = validator.close(1n);
  expect(body.entries).toHaveLength(1);
  // Its three workers and its gateway.
  expect(Object.keys(paid(validator.tally(body)))).toHaveLength(4);
});

test('E-34: a counter that a worker used once makes its second entry fall', async () => {
  const receipt: EntryPlan['receipt'] = (value) => ({ ...value, counter: 7n });
  // All of ten workers are drawn in some of these, so that two entries share one.
  const entries = [1n, 2n, 3n, 4n, 5n].map((dispatchNumber) => market.entry({ dispatchNumber, receipt }));
  for (const entry of entries) expect(await validator.take(entry)).toBe('accept');
  const body = validator.close(1n);
  const workers = body.entries.flatMap(({ entryHash }) =>
    validator.checked(entryHash).agreeing.map(({ receipt: { value } }) => Buffer.from(value.worker).toString('hex')),
  );
  expect(new Set(workers).size).toBe(workers.length);
  expect(body.entries.length).toBeLessThan(entries.length);
});

test('E-35: what stood in one set stands in no later one, signed anew or not', async () => {
  expect(await validator.take(settled)).toBe('accept');
  const first = validator.close(1n);
  expect(hashesOf(first)).toEqual([hexHashOf(settled)]);
  const again = resigned({ ...settled.outcome.value, finishedAtMs: settled.outcome.value.finishedAtMs + 5n });
  expect(await validator.take(again)).toBe('accept');
  expect(validator.close(2n, { after: first }).entries).toEqual([]);
  const forced = { ...first, epoch: 2n };
  expect(validator.attest(forced, { after: first })).toBe('E-35');
});

test('E-35: an entry of an epoch long past stands in no set', async () => {
  expect(await validator.take(market.entry({ slot: 1010n }))).toBe('accept');
  expect(validator.close(1n).entries).toHaveLength(1);
  expect(validator.close(2n).entries).toEqual([]);
});

test('F-01: a receipt of another cluster is signed over another domain, and holds nowhere else', async () => {
  // The same names and keys, but the program was redeployed: only the domain differs.
  const elsewhere = new Market();
  const foreign = Object.assign(elsewhere, { domain: label('another domain') }).entry({ dispatchNumber: 1n });
  expect(await validator.take(foreign)).toBe('reject E-11');
});

/** The settled entry with another signature of its gateway over its end. */
function resigned(outcome: Outcome) {
  const bent = { ...outcome, finishedAtMs: outcome.finishedAtMs + 1n };
  return {
    ...settled,
    outcome: signRecord(outcomeRecord, { domain: market.domain, signer: signerOf('gateway') }, bent),
  };
}
