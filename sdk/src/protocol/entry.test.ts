import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type candidateCodec, drawSeed, drawWorkers } from './assignment.ts';
import { fromHex, toHex } from './bytes.ts';
import { checkEntry, type EntryContext } from './checkEntry.ts';
import { type Decoded, decode, encode } from './codec.ts';
import {
  batchBodyCodec,
  entryCodec,
  entryHashOf,
  evidenceHashOf,
  MAX_BATCH_ENTRIES,
  MAX_ENTRY_BYTES,
} from './entry.ts';
import { epochOfSlot } from './epochClock.ts';
import { Market } from './fixtures/market.ts';
import { plainValue } from './fixtures/plainValue.ts';

interface Vectors {
  readonly context: Readonly<Record<string, string>> & {
    readonly chainLength: number;
    readonly slotHashes: Readonly<Record<string, string>>;
    readonly candidates: readonly {
      readonly participant: string;
      readonly index: number;
      readonly identity: string;
      readonly weight: string;
    }[];
  };
  readonly entries: readonly {
    readonly name: string;
    readonly epoch: string;
    readonly drawn: readonly number[];
    readonly agreeing: readonly string[];
    readonly fields: unknown;
    readonly encoded: string;
    readonly entryHash: string;
    readonly evidenceHash: string;
  }[];
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/entry.json', import.meta.url), 'utf8'));
const given = vectors.context;
const bytes = (name: string): Uint8Array => fromHex(String(given[name]));
const candidates: readonly Decoded<typeof candidateCodec>[] = given.candidates.map((row) => ({
  participant: fromHex(row.participant),
  index: row.index,
  identity: fromHex(row.identity),
  weight: BigInt(row.weight),
}));
const context: EntryContext = {
  domain: bytes('domain'),
  epochOf: (slot) =>
    epochOfSlot(
      { epochZeroSlot: BigInt(given.epochZeroSlot ?? 0), slotsPerEpoch: BigInt(given.slotsPerEpoch ?? 0) },
      slot,
    ),
  gatewayIdentity: () => bytes('gatewayIdentity'),
  chain: () => ({ commitment: bytes('commitment'), length: given.chainLength }),
  slotHash: (slot) => {
    const known = given.slotHashes[String(slot)];
    return known === undefined ? undefined : fromHex(known);
  },
  candidates: () => candidates,
  escrowGateway: (escrow) => (toHex(escrow) === given.escrow ? bytes('gateway') : undefined),
  model: () => ({ activeParameters: BigInt(given.activeParameters ?? 0) }),
  listPrice: () => BigInt(given.listPrice ?? 0),
  clockToleranceMs: BigInt(given.clockToleranceMs ?? 0),
};

test.each(vectors.entries)('E-01, E-02, F-29: $name: bytes and hashes', (vector) => {
  const entry = decode(entryCodec, fromHex(vector.encoded));
  expect(plainValue(entry)).toEqual(vector.fields);
  expect(toHex(encode(entryCodec, entry))).toBe(vector.encoded);
  expect(toHex(entryHashOf(entry))).toBe(vector.entryHash);
  expect(toHex(evidenceHashOf(entry.evidence))).toBe(vector.evidenceHash);
});

test.each(vectors.entries)('E-10 to E-24: $name: the entry of another implementation holds', (vector) => {
  const entry = decode(entryCodec, fromHex(vector.encoded));
  const { slot, preimage, dispatchNumber } = entry.dispatch.value;
  const slotHash = context.slotHash(slot);
  if (slotHash === undefined) throw new RangeError('The vector lacks the hash of its slot.');
  const drawn = drawWorkers({ seed: drawSeed({ slotHash, preimage, dispatchNumber }), candidates });
  expect(drawn.map(({ index }) => (index - 1) / 2)).toEqual(vector.drawn);
  const verdict = checkEntry(context, entry);
  expect(verdict).toEqual({
    verdict: 'accept',
    epoch: BigInt(vector.epoch),
    entry: {
      entry,
      entryHash: fromHex(vector.entryHash),
      epoch: BigInt(vector.epoch),
      drawn,
      agreeing: entry.evidence.receipts.filter(({ receipt }) => vector.agreeing.includes(toHex(receipt.value.worker))),
      activeParameters: BigInt(given.activeParameters ?? 0),
    },
  });
});

test('E-03: the largest entry keeps to its bound', () => {
  const market = new Market();
  const largest = market.entry({ roles: ['x', 'x', 'x', 'x', 'x', 'x', 'x', 'x'] });
  expect(encode(entryCodec, largest).length).toBeLessThan(MAX_ENTRY_BYTES);
});

test('E-03: a batch body counts its entries before it reads them', () => {
  const entry = new Market().entry();
  expect(decode(batchBodyCodec, encode(batchBodyCodec, [entry, entry]))).toEqual([entry, entry]);
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, MAX_BATCH_ENTRIES + 1, true);
  expect(() => decode(batchBodyCodec, count)).toThrow('A length in a message is over its maximum.');
});
