import { expect, test } from 'vitest';
import { toHex, u64le } from './bytes.ts';
import type { ReceiptCredit } from './creditList.ts';
import { hash } from './hash.ts';
import { buildReport } from './report.ts';
import { challengedPlace, type KeptReport, shownGrowth } from './shownGrowth.ts';

const named = (name: string) => hash(new TextEncoder().encode(name));
const DOMAIN = named('domain');

/** One participant at index 2 with so many credits. */
function kept(credits: number): KeptReport {
  const list: ReceiptCredit[] = Array.from({ length: credits }, (_, i) => ({
    entryHash: named(`entry ${i}`),
    receiptHash: named('receipt'),
    karma: [BigInt(i), 1n, 0n, 0n, 0n],
    owed: 2n,
  }));
  const participant: Uint8Array = named('participant');
  const lifetimes = [{ index: 2, participant, karma: [9n, 9n, 0n, 0n, 0n] as const, owed: 99n, credits: list }];
  const result = {
    lifetimes,
    credits: new Map(credits === 0 ? [] : [[toHex(participant), list]]),
    settlements: [],
    escrowDebits: [],
    carried: [],
    decisions: new Map(),
  };
  return { lifetimes, trees: buildReport(DOMAIN, { epoch: 7n, result, priorRoot: named('prior') }).trees };
}

test.each([2, 3, 4, 5, 8, 9])('P-46, T-04: the top of %d credits has the hash that the leaf names', (count) => {
  const { credits, now } = shownGrowth(kept(count), { index: 2 });
  if (credits?.type !== 'inner') throw new RangeError('Several credits have an inner node.');
  const { left, right, sums } = credits.node;
  expect(hash(new Uint8Array([1]), left, right, ...sums.map(u64le))).toEqual(now.leaf?.receiptsRoot);
});

test('P-46: one credit is shown itself, none is left out', () => {
  const one = kept(1);
  expect(shownGrowth(one, { index: 2 }).credits).toEqual({ type: 'credit', credit: one.lifetimes[0]?.credits.at(0) });
  const none = shownGrowth(kept(0), { index: 2 });
  expect(none).toEqual({ index: 2, now: { path: none.now.path, leaf: { ...none.now.leaf } } });
  expect(none.now.leaf?.receiptsRoot).toEqual(new Uint8Array(32));
});

test('P-46, P-49: an index without a leaf has a path, one behind the tree nothing; the prior report is shown likewise', () => {
  const [now, prior] = [kept(1), kept(0)];
  const absent = challengedPlace(now, { index: 1, prior });
  expect(absent).toEqual({
    index: 1,
    now: { path: now.trees.lifetimes.path(1) },
    prior: { path: prior.trees.lifetimes.path(1) },
    claimPath: now.trees.claims.path(1),
  });
  expect(shownGrowth(now, { index: 3, prior })).toEqual({ index: 3, now: {}, prior: {} });
});
