import { type Evidence, refusalRecord, signRecord, timeoutRecord } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EntryPlan, Market, signerOf } from '../../sdk/src/protocol/fixtures/market.ts';
import { type ValidatorAtWork, validatorAtWork } from './validatorAtWork.ts';

// A gateway wants its friends to be paid, and so leaves out workers whom the draw named before them.

const market = new Market();
const { domain } = market;
let validator: ValidatorAtWork;
beforeAll(async () => {
  validator = await validatorAtWork(market);
});
afterAll(() => validator[Symbol.asyncDispose]());

const without =
  (...places: readonly number[]) =>
  (evidence: Evidence): Evidence => ({
    ...evidence,
    seals: evidence.seals.filter((_, i) => !places.includes(i)),
    receipts: evidence.receipts.filter((_, i) => !places.includes(i)),
  });

/** Seals that stand without the skipped ones, as receipts that were signed over them say. */
const skipped: readonly (readonly [name: string, plan: EntryPlan])[] = [
  ['the first of the draw', { roles: ['x', 'x', 'x', 'x'], evidence: without(0) }],
  ['one in the middle', { roles: ['x', 'x', 'x', 'x'], evidence: without(1) }],
  ['two of them', { roles: ['x', 'x', 'x', 'x', 'x'], evidence: without(0, 2) }],
  ['the third, so that two make an entry', { evidence: without(2) }],
];

test.each(skipped)('E-17: an entry that leaves out %s is rejected by every validator', async (_, plan) => {
  expect(await validator.take(market.entry(plan))).toBe('reject E-17');
  expect(validator.held(1n)).toBe(0);
});

test('E-17: drawn workers in an order that is not the draw’s are rejected', async () => {
  const evidence = (honest: Evidence): Evidence => ({ ...honest, receipts: honest.receipts.toReversed() });
  expect(await validator.take(market.entry({ evidence }))).toBe('reject E-17');
});

test('E-18: a refusal that the gateway wrote for the skipped worker is no refusal', async () => {
  const plan: EntryPlan = {
    roles: ['refuses', 'x', 'x', 'x'],
    evidence: (honest) => ({
      ...honest,
      refusals: honest.refusals.map(({ value }) =>
        signRecord(refusalRecord, { domain, signer: signerOf('gateway') }, value),
      ),
    }),
  };
  expect(await validator.take(market.entry(plan))).toBe('reject E-18');
});

test('E-12: a refusal of another dispatch does not excuse this one', async () => {
  const other = market.entry({ dispatchNumber: 9n, roles: ['refuses', 'x', 'x', 'x'] });
  const [worker] = market.drawn({});
  const refusal: Evidence['refusals'][number] = signRecord(
    refusalRecord,
    { domain, signer: market.workerAt({}, 0) },
    {
      dispatchHash: other.outcome.value.dispatchHash,
      worker: worker?.participant ?? new Uint8Array(32),
      reason: 'queue-full',
      refusedAtMs: 1n,
    },
  );
  const plan: EntryPlan = {
    roles: ['refuses', 'x', 'x', 'x'],
    evidence: (honest) => ({ ...honest, refusals: [refusal] }),
  };
  expect(await validator.take(market.entry(plan))).toBe('reject E-12');
});

test('E-16: a friend who was not drawn cannot stand in the place of one who was', async () => {
  const drawn = market.drawn({}).map(({ index }) => index);
  const friend = market.candidates.find(({ index }) => !drawn.includes(index));
  if (friend === undefined) throw new RangeError('Everybody was drawn.');
  const signer = signerOf(`worker ${friend.index - 1}`);
  const plan: EntryPlan = {
    receipt: (value, place) => (place === 0 ? { ...value, worker: friend.participant } : value),
    seal: (value, place) => (place === 0 ? { ...value, worker: friend.participant } : value),
    workerSigner: (place) => (place === 0 ? signer : undefined),
  };
  expect(await validator.take(market.entry(plan))).toBe('reject E-16');
});

test('E-17: a recorded time-out does let the gateway go on, but by the same draw and in public', async () => {
  const entry = market.entry({ roles: ['times out', 'x', 'x'] });
  expect(await validator.take(entry)).toBe('accept');
  const [skippedWorker, second, third] = market.drawn({});
  expect(entry.evidence.timeouts.map(({ value }) => value.worker)).toEqual([skippedWorker?.participant]);
  expect(entry.evidence.receipts.map(({ receipt }) => receipt.value.worker)).toEqual([
    second?.participant,
    third?.participant,
  ]);
});

test('E-18: a time-out that somebody else signed is none', async () => {
  const plan: EntryPlan = {
    roles: ['times out', 'x', 'x'],
    evidence: (honest) => ({
      ...honest,
      timeouts: honest.timeouts.map(({ value }) =>
        signRecord(timeoutRecord, { domain, signer: signerOf('a stranger') }, value),
      ),
    }),
  };
  expect(await validator.take(market.entry({ ...plan, dispatchNumber: 2n }))).toBe('reject E-18');
});
