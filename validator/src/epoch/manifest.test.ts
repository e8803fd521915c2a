import {
  equalBytes,
  type Hash,
  type ManifestBody,
  manifestHashOf,
  manifestRoots,
  STANDING_AUTHORISATION,
  toHex,
} from '@karmesh/sdk/protocol';
import { describe, expect, test } from 'vitest';
import { accepted } from '../fixtures/accepted.ts';
import { fixtureMarket, named } from '../fixtures/market.ts';
import type { EscrowFacts } from './escrowRow.ts';
import { buildManifest, checkManifest, checkManifestBody, type ManifestKnowledge } from './manifest.ts';
import { type ManifestRow, manifestRowReader, packedRows } from './manifestRows.ts';

const market = fixtureMarket({ slotsPerEpoch: 100n });
const { domain } = market;
const escrow: EscrowFacts = {
  address: market.escrow,
  gateway: market.gateway.address,
  balance: 5_000_000n,
  cumulativeDebit: 0n,
  authorised: STANDING_AUTHORISATION,
  withdrawAmount: 0n,
  withdrawAfterEpoch: undefined,
  lastSettledEpoch: undefined,
};
const knowledge: ManifestKnowledge = {
  domain,
  epoch: 5n,
  earlier: () => false,
  snapshot: (epoch) => [market.group(epoch)],
  escrow: (address) => (equalBytes(address, market.escrow) ? escrow : undefined),
};
const attester: Parameters<typeof checkManifest>[0] = { ...knowledge, escrowAtEnd: () => undefined };
const late = accepted(market, { dispatchNumber: 1, slot: 498n });
const first = accepted(market, { dispatchNumber: 1, slot: 501n });
const second = accepted(market, { dispatchNumber: 2, slot: 503n });
const entries = [late, first, second];
const rowOf = manifestRowReader(knowledge);
const body = buildManifest(knowledge, { rows: entries.map(rowOf), carriedEscrows: [] });
const held = new Map(entries.map((entry) => [toHex(entry.entryHash), rowOf(entry)]));
const rowsOf = (set: ManifestBody, of: ReadonlyMap<string, ManifestRow> = held) =>
  set.entries.map(({ entryHash }) => of.get(toHex(entryHash)));
const fault = (changes: Partial<ManifestBody>, own: Partial<typeof attester> = {}) => {
  const changed = { ...body, ...changes };
  return checkManifest({ ...attester, ...own }, { body: changed, rows: rowsOf(changed) });
};

describe('packed rows', () => {
  test('are those that were added, and none beyond them', () => {
    const strange = { ...rowOf(first), group: undefined, ticketNumber: (1n << 64n) - 1n, counters: [] };
    const rows = [...entries.map(rowOf), strange];
    const packed = packedRows();
    for (const row of rows) packed.add(row);
    expect(packed.length).toBe(4);
    const names = Object.keys(strange) as (keyof ManifestRow)[];
    const read = (row: ManifestRow | undefined) => Object.fromEntries(names.map((name) => [name, row?.[name]]));
    expect(rows.map((_, i) => read(packed.at(i)))).toEqual(rows);
    expect(packed.at(4)).toBe(undefined);
  });

  test('are kept over the edge of a block', () => {
    const packed = packedRows();
    for (let i = 0; i < 9000; i++) packed.add({ ...rowOf(first), dispatchNumber: i, price: BigInt(i) });
    const at = [0, 4095, 4096, 8191, 8192, 8999];
    expect(at.map((i) => packed.at(i)?.dispatchNumber)).toEqual(at);
    expect(at.map((i) => packed.at(i)?.price)).toEqual(at.map(BigInt));
    expect(packed.at(8192)?.counters).toEqual(rowOf(first).counters);
  });

  test('make the same manifest as rows that are held', () => {
    const twin = accepted(market, { dispatchNumber: 2, slot: 503n, tokens: [1] });
    const packed = packedRows();
    for (const entry of [...entries, twin]) packed.add(rowOf(entry));
    const held = buildManifest(knowledge, { rows: [...entries, twin].map(rowOf), carriedEscrows: [] });
    expect(buildManifest(knowledge, { rows: packed, carriedEscrows: [] })).toEqual(held);
  });
});

describe('the proposer', () => {
  test('P-12: lists entries, the groups and slots they used, and their escrows', () => {
    expect(body.entries.map(({ entryHash }) => toHex(entryHash))).toEqual([...held.keys()].sort());
    expect(body.entries.every(({ price }) => price === first.checked.entry.outcome.value.price)).toBe(true);
    expect(body.groups).toEqual([market.group(4n), market.group(5n)]);
    expect(body.slotHashes).toEqual([498n, 501n, 503n].map((slot) => ({ slot, slotHash: market.slotHash(slot) })));
    expect(body.escrows).toEqual([
      { escrow: market.escrow, gateway: market.gateway.address, available: 5_000_000n, cumulativeDebit: 0n },
    ]);
  });

  test('E-33: leaves out what excludes what stands, and then what stood by it', () => {
    const twin = accepted(market, { dispatchNumber: 2, slot: 503n, tokens: [1] });
    const made = buildManifest(knowledge, { rows: [...entries, twin].map(rowOf), carriedEscrows: [] });
    expect(made.entries).toHaveLength(3);
    expect(
      checkManifest(attester, {
        body: made,
        rows: rowsOf(made, new Map([...held, [toHex(twin.entryHash), rowOf(twin)]])),
      }),
    ).toBeUndefined();
  });

  test('E-35: leaves out what stood in the set before', () => {
    const made = buildManifest(
      { ...knowledge, earlier: (key) => key.list.endsWith(' 4') },
      { rows: entries.map(rowOf), carriedEscrows: [] },
    );
    expect(made.entries).toHaveLength(2);
  });

  test('M-03: lists the escrows of carried entries too', () => {
    const made = buildManifest(knowledge, { rows: [], carriedEscrows: [market.escrow, named('no escrow')] });
    expect(made).toMatchObject({ entries: [], groups: [], slotHashes: [], escrows: [{ available: 5_000_000n }] });
  });
});

describe('an attester', () => {
  const manifestHash: Hash = manifestHashOf(domain, manifestRoots(domain, body));
  test('attests what it would have proposed', () => {
    expect(checkManifestBody(domain, { body, epoch: 5n, manifestHash })).toBeUndefined();
    expect(fault({})).toBeUndefined();
  });
  test('V-10: rejects a body of another hash, another epoch or in another order', () => {
    const rejected = { verdict: 'reject', rule: 'V-10' };
    expect(checkManifestBody(domain, { body, epoch: 5n, manifestHash: named('other') })).toMatchObject(rejected);
    expect(checkManifestBody(domain, { body, epoch: 6n, manifestHash })).toMatchObject(rejected);
    const turned = { ...body, entries: [...body.entries].reverse() };
    expect(checkManifestBody(domain, { body: turned, epoch: 5n, manifestHash })).toMatchObject(rejected);
  });
  test('V-11: waits for an entry that it does not hold, and rejects another price', () => {
    const [one, ...rest] = body.entries;
    if (one === undefined) throw new RangeError('The body has entries.');
    expect(fault({ entries: [{ entryHash: named('unknown'), price: 1n }] })).toMatchObject({
      verdict: 'missing',
      rule: 'V-11',
    });
    expect(fault({ entries: [{ ...one, price: one.price + 1n }, ...rest] })).toMatchObject({
      verdict: 'reject',
      rule: 'V-11',
    });
  });
  test('V-12: rejects entries that may not stand in this set', () => {
    expect(fault({}, { earlier: () => true })).toMatchObject({ verdict: 'reject', rule: 'E-35' });
    expect(fault({}, { epoch: 7n })).toMatchObject({ verdict: 'reject', rule: 'E-35' });
  });
  test('V-13: rejects other weights than its own snapshot has, and waits without one', () => {
    const [group, ...rest] = body.groups;
    const heavy = {
      ...market.group(4n),
      candidates: market.group(4n).candidates.map((one) => ({ ...one, weight: 1n })),
    };
    expect(group).toEqual(market.group(4n));
    expect(fault({ groups: [heavy, ...rest] })).toMatchObject({ verdict: 'reject', rule: 'V-13' });
    expect(fault({ groups: rest })).toMatchObject({ verdict: 'reject', rule: 'V-13' });
    expect(fault({}, { snapshot: () => undefined })).toMatchObject({ verdict: 'missing', rule: 'V-13' });
  });
  test('V-14: rejects slot hashes that it did not see or that nothing used', () => {
    const false_ = body.slotHashes.map((row) => ({ ...row, slotHash: named('false') }));
    expect(fault({ slotHashes: false_ })).toMatchObject({ verdict: 'reject', rule: 'V-14' });
    const extra = [...body.slotHashes, { slot: 504n, slotHash: market.slotHash(504n) }];
    expect(fault({ slotHashes: extra })).toMatchObject({ verdict: 'reject', rule: 'V-14' });
  });
  test('V-15: rejects a set whose escrow is not listed, listed short or of another gateway', () => {
    const [row] = body.escrows;
    if (row === undefined) throw new RangeError('The body lists an escrow.');
    expect(fault({ escrows: [] })).toMatchObject({ verdict: 'reject', rule: 'V-15' });
    expect(fault({ escrows: [{ ...row, available: 1n }] }, { escrowAtEnd: () => row })).toMatchObject({
      verdict: 'reject',
      rule: 'V-15',
    });
    expect(fault({ escrows: [{ ...row, gateway: named('another') }] })).toMatchObject({
      verdict: 'reject',
      rule: 'V-15',
    });
    expect(fault({ escrows: [{ ...row, available: 6_000_000n }] })).toMatchObject({ verdict: 'missing', rule: 'V-15' });
    expect(fault({ escrows: [row, { ...row, escrow: named('unknown') }] })).toMatchObject({
      verdict: 'missing',
      rule: 'V-15',
    });
  });
});
