import { expect, test } from 'vitest';
import { nativeVerifySignature } from '../runtime/nativeVerifySignature.ts';
import { compareBytes, toHex } from './bytes.ts';
import type { CheckedEntry } from './checkEntry.ts';
import { checkSet, type ExclusionKey, exclusionKeys, exclusionSet, setEntriesOf } from './checkSet.ts';
import { entryHashOf } from './entry.ts';
import { type EntryPlan, label, Market } from './fixtures/market.ts';

const market = new Market({ verify: nativeVerifySignature });
const none = (): boolean => false;

/** The faults of epoch 1's set by rule, each with the position of its entry. */
function faultsOf(
  entries: readonly CheckedEntry[],
  options: { readonly epoch?: bigint; readonly earlier?: (key: ExclusionKey) => boolean } = {},
): readonly string[] {
  const faults = checkSet({
    epoch: options.epoch ?? 1n,
    entries: setEntriesOf(entries),
    earlier: options.earlier ?? none,
  });
  return faults
    .map(({ rule, entryHash }) => {
      const position = entries.findIndex(({ entry }) => compareBytes(entryHashOf(entry), entryHash) === 0);
      return `${rule} ${position}`;
    })
    .sort();
}

/** The positions of two entries that exclude each other: who stays and who goes. */
function byHash(entries: readonly CheckedEntry[]): { readonly stays: number; readonly goes: number } {
  const [first, second] = entries;
  if (first === undefined || second === undefined) throw new RangeError('Two entries exclude each other.');
  const firstIsLess = compareBytes(entryHashOf(first.entry), entryHashOf(second.entry)) < 0;
  return firstIsLess ? { stays: 0, goes: 1 } : { stays: 1, goes: 0 };
}

const numbered = (numbers: readonly number[], plan: EntryPlan = {}): CheckedEntry[] =>
  numbers.map((number) => market.checked({ ...plan, dispatchNumber: BigInt(number) }));

test('E-33 to E-37: consecutive entries of one gateway stand together, in any order', () => {
  const entries = numbered([1, 2, 3, 4, 5]);
  expect(faultsOf(entries)).toEqual([]);
  expect(faultsOf(entries.toReversed())).toEqual([]);
});

test('E-33: of two entries with one dispatch number the greater hash goes, whoever comes first', () => {
  const entries = [market.checked(), market.checked({ roles: ['x', 'y', 'x'] })];
  const { goes, stays } = byHash(entries);
  expect(faultsOf(entries)).toEqual([`E-33 ${goes}`]);
  expect(faultsOf(entries.toReversed())).toEqual([`E-33 ${stays}`]);
});

test('E-33: a ticket is dispatched once', () => {
  const entries = [market.checked({ ticketNumber: 7n }), market.checked({ dispatchNumber: 2n, ticketNumber: 7n })];
  expect(faultsOf(entries)).toEqual([`E-33 ${byHash(entries).goes}`]);
});

test('E-33: a request is answered once, however often its gateway dispatches it', () => {
  const requestId = label('one request');
  const entries = numbered([1, 2], { ticket: (value) => ({ ...value, requestId }) });
  expect(faultsOf(entries)).toEqual([`E-33 ${byHash(entries).goes}`]);
});

test('E-33: a gateway cannot push out another’s entry by naming its request', () => {
  const requestId = label('one request');
  const plan: EntryPlan = { ticket: (value) => ({ ...value, requestId }) };
  const copied = market.checked({ ...plan, gateway: 'gateway 2', roles: ['times out', 'times out', 'times out'] });
  expect(faultsOf([market.checked(plan), copied])).toEqual([]);
});

test('E-34: a worker’s counter is used once in an epoch, over all gateways', () => {
  const sameCounter: EntryPlan = { receipt: (value) => ({ ...value, counter: 5n }) };
  const all = Array.from({ length: 30 }, (_, i) => market.checked({ ...sameCounter, dispatchNumber: BigInt(i + 1) }));
  const workers = (checked: CheckedEntry): string[] =>
    checked.entry.evidence.receipts.map(({ receipt }) => toHex(receipt.value.worker));
  const first = all[0];
  const other = all.slice(1).find((one) => first !== undefined && workers(one).some((w) => workers(first).includes(w)));
  if (first === undefined || other === undefined) throw new RangeError('No worker was drawn twice.');
  const faults = checkSet({ epoch: 1n, entries: setEntriesOf([first, other]), earlier: none });
  expect(faults.map(({ rule }) => rule)).toContain('E-34');
});

test('E-35: an entry stands in the set of its epoch or of the next one, and in no other', () => {
  const entry = market.checked();
  expect([0n, 1n, 2n, 3n].map((epoch) => faultsOf([entry], { epoch }))).toEqual([['E-35 0'], [], [], ['E-35 0']]);
});

test('E-35: what stood in the previous set does not stand again, though its gateway signs another outcome for it', () => {
  const settled = market.checked();
  const keys = exclusionSet(setEntriesOf([settled]));
  const again = market.checked({ outcome: (value) => ({ ...value, finishedAtMs: value.finishedAtMs + 1n }) });
  expect(compareBytes(entryHashOf(settled.entry), entryHashOf(again.entry))).not.toBe(0);
  expect(faultsOf([settled, again], { epoch: 2n, earlier: keys.has })).toEqual(['E-35 0', 'E-35 1']);
});

test('E-35: a receipt of the previous set earns nothing in another entry', () => {
  const settled = market.checked();
  const taken = setEntriesOf([settled])
    .flatMap(exclusionKeys)
    .filter(({ rule }) => rule === 'E-34');
  expect(taken).toHaveLength(3);
  const counters = exclusionSet();
  counters.add(taken);
  expect(faultsOf([settled], { epoch: 2n, earlier: counters.has })).toEqual(['E-35 0']);
});

test('E-36: a ticket with a later number and an earlier time is backdated', () => {
  const entries = [
    market.checked({ dispatchNumber: 1n }),
    market.checked({ dispatchNumber: 2n, ticket: (value) => ({ ...value, issuedAtMs: 1n }) }),
    market.checked({ dispatchNumber: 3n }),
  ];
  expect(faultsOf(entries)).toEqual(['E-36 1']);
});

test('E-36: a dispatch with a later number and an earlier slot is backdated', () => {
  const entries = [
    market.checked({
      dispatchNumber: 1n,
      slot: 1160n,
      ticket: (value) => ({ ...value, issuedAtMs: value.issuedAtMs - 1000n }),
    }),
    market.checked({ dispatchNumber: 2n, slot: 1159n }),
  ];
  expect(faultsOf(entries)).toEqual(['E-36 1']);
});

test('E-36: two dispatches may share a slot, and the next epoch counts anew', () => {
  const entries = [
    market.checked({ dispatchNumber: 5n, slot: 1299n }),
    market.checked({ dispatchNumber: 6n, slot: 1299n }),
    market.checked({ dispatchNumber: 1n, slot: 1300n }),
  ];
  expect(faultsOf(entries, { epoch: 2n })).toEqual([]);
});

test('E-37: a gateway that uses only the numbers whose draw it likes loses them', () => {
  expect(faultsOf(numbered([1, 2, 40]))).toEqual(['E-37 2']);
});

test('E-37: sixteen numbers may be missing, and one more of each eight', () => {
  expect(faultsOf(numbered([18]))).toEqual([]);
  expect(faultsOf(numbered([20]))).toEqual(['E-37 0']);
  expect(faultsOf(numbered([19]))).toEqual([]);
});

test('E-37: numbers of the previous set and of other entries of this one are not missing', () => {
  const keys = exclusionSet(setEntriesOf(numbered(Array.from({ length: 39 }, (_, i) => i + 1))));
  expect(faultsOf(numbered([40]), { epoch: 2n, earlier: keys.has })).toEqual([]);
});

test('E-37: each gateway answers for its own numbers', () => {
  const entries = [
    market.checked({ dispatchNumber: 40n }),
    market.checked({ dispatchNumber: 1n, gateway: 'gateway 2' }),
  ];
  expect(faultsOf(entries)).toEqual(['E-37 0']);
});

test('E-37: what falls is missing for the numbers above it, so that what is left stands at once', () => {
  const fallen = numbered([30, 31, 32, 33, 60]);
  const backdated = [1, 2, 3].map((number) =>
    market.checked({
      dispatchNumber: BigInt(number),
      ticket: (value) => ({ ...value, issuedAtMs: 5n - BigInt(number) }),
    }),
  );
  const entries = [...numbered([18, 20]), ...fallen, ...backdated];
  const faults = new Set(
    checkSet({ epoch: 1n, entries: setEntriesOf(entries), earlier: none }).map(({ entryHash }) => toHex(entryHash)),
  );
  const left = entries.filter(({ entry }) => !faults.has(toHex(entryHashOf(entry))));
  expect(left.map(({ entry }) => entry.dispatch.value.dispatchNumber)).toEqual([18n, 20n, 1n]);
  expect(faultsOf(left)).toEqual([]);
});
