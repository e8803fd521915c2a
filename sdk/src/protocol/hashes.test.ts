import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { struct, u64 } from './codec.ts';
import { hashCodec } from './hash.ts';
import { header, KIND, makeDomain } from './header.ts';
import { participantCodec } from './ids.ts';
import type { KarmaVector } from './karma.ts';
import { entryLeaf, manifestHashOf, manifestRecord, slotHashLeaf } from './manifest.ts';
import type { SumNode } from './merkle.ts';
import { carriedLeaf, creditLeaf, lifetimeLeaf, rootSealOf, saltHashOf, settlementLeaf } from './report.ts';

type Row = Readonly<Record<string, string>>;
interface Vectors {
  readonly domain: Row;
  readonly manifest: Row & { readonly entryCount: number };
  readonly saltHash: Row;
  readonly saltAccumulator: { readonly epoch: string; readonly salts: readonly Row[]; readonly accumulator: string };
  readonly beacon: Row;
  readonly rootSeal: Row;
  readonly secp256k1Message: Row;
  readonly lifetimeLeaf: { readonly cases: readonly (Row & { readonly lifetime: readonly string[] })[] };
  readonly settlementLeaf: Row;
  readonly creditLeaf: Row & { readonly karma: readonly string[] };
  readonly carriedLeaf: Row;
  readonly entryLeaf: Row;
  readonly slotHashLeaf: Row;
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/hashes.json', import.meta.url), 'utf8'),
);
const bytes = (row: Row, name: string): Uint8Array => fromHex(row[name] ?? 'missing');
const big = (row: Row, name: string): bigint => BigInt(row[name] ?? 'missing');
// The vectors hold five strings; a test fails on any other number.
const karma = (values: readonly string[]): KarmaVector => values.map(BigInt) as unknown as KarmaVector;
const plain = ({ hash, sums }: SumNode): unknown => ({ hash: toHex(hash), sums: sums.map(String) });
const domain = fromHex(vectors.domain.domain ?? '');

test('F-01: the domain', () => {
  const made = makeDomain({
    genesisHash: bytes(vectors.domain, 'genesisHash'),
    programId: bytes(vectors.domain, 'programId'),
  });
  expect(toHex(made)).toBe(vectors.domain.domain);
});

test('P-12: the manifest’s header and hash', () => {
  const row = vectors.manifest;
  const roots = {
    epoch: big(row, 'epoch'),
    receiptSetRoot: bytes(row, 'receiptSetRoot'),
    entryCount: row.entryCount,
    candidatesRoot: bytes(row, 'candidatesRoot'),
    slotHashesRoot: bytes(row, 'slotHashesRoot'),
    escrowsRoot: bytes(row, 'escrowsRoot'),
  };
  expect(toHex(manifestRecord.encode(domain, roots))).toBe(row.encoded);
  expect(toHex(manifestHashOf(domain, roots))).toBe(row.manifestHash);
});

test('P-14: what an attestation commits to', () => {
  const row = vectors.saltHash;
  const salted = { epoch: big(row, 'epoch'), validator: bytes(row, 'validator'), salt: bytes(row, 'salt') };
  expect(toHex(saltHashOf(domain, salted))).toBe(row.saltHash);
});

test('P-14, P-15, P-04: what only the chain computes has headers of the same form', () => {
  const salt = header(KIND.salt, struct({ epoch: u64, validator: participantCodec, salt: hashCodec }));
  const beacon = header(KIND.beacon, struct({ epoch: u64, slotHash: hashCodec, saltAccumulator: hashCodec }));
  const secp256k1 = header(KIND.secp256k1, struct({ participant: participantCodec }));
  const { epoch, salts, accumulator } = vectors.saltAccumulator;
  const mixes = salts.map((row) =>
    salt.hash(domain, { epoch: BigInt(epoch), validator: bytes(row, 'validator'), salt: bytes(row, 'salt') }),
  );
  expect(mixes.map(toHex)).toEqual(salts.map(({ mix }) => mix));
  expect(toHex(mixes.reduce((sum, mix) => sum.map((byte, i) => byte ^ (mix[i] ?? 0)), new Uint8Array(32)))).toBe(
    accumulator,
  );
  const drawn = beacon.hash(domain, {
    epoch: big(vectors.beacon, 'epoch'),
    slotHash: bytes(vectors.beacon, 'slotHash'),
    saltAccumulator: bytes(vectors.beacon, 'saltAccumulator'),
  });
  expect(toHex(drawn)).toBe(vectors.beacon.beacon);
  expect(toHex(secp256k1.hash(domain, { participant: bytes(vectors.secp256k1Message, 'participant') }))).toBe(
    vectors.secp256k1Message.message,
  );
});

test('P-17: a sealed root', () => {
  const row = vectors.rootSeal;
  const sealed = {
    epoch: big(row, 'epoch'),
    reportHash: bytes(row, 'reportHash'),
    salt: bytes(row, 'salt'),
    validator: bytes(row, 'validator'),
  };
  expect(toHex(rootSealOf(domain, sealed))).toBe(row.seal);
});

test('T-01: lifetime leaves, with and without receipts', () => {
  const leaves = vectors.lifetimeLeaf.cases.map((row) =>
    lifetimeLeaf(domain, {
      epoch: big(row, 'epoch'),
      lifetime: {
        index: 0,
        participant: bytes(row, 'participant'),
        karma: karma(row.lifetime),
        owed: big(row, 'lifetimeOwed'),
      },
      receiptsRoot: bytes(row, 'receiptsRoot'),
    }),
  );
  expect(leaves.map(plain)).toEqual(vectors.lifetimeLeaf.cases.map((row) => ({ hash: row.hash, sums: row.sums })));
});

test('P-19: a settlement leaf', () => {
  const row = vectors.settlementLeaf;
  const settlement = {
    escrow: bytes(row, 'escrow'),
    cumulativeAfter: big(row, 'cumulativeAfter'),
    debit: big(row, 'debit'),
  };
  expect(plain(settlementLeaf(domain, { epoch: big(row, 'epoch'), settlement }))).toEqual({
    hash: row.hash,
    sums: row.sums,
  });
});

test('T-04: a credit leaf', () => {
  const row = vectors.creditLeaf;
  const credit = {
    entryHash: bytes(row, 'entryHash'),
    receiptHash: bytes(row, 'receiptHash'),
    karma: karma(row.karma),
    owed: big(row, 'owed'),
  };
  expect(plain(creditLeaf(domain, { epoch: big(row, 'epoch'), credit }))).toEqual({
    hash: row.hash,
    sums: row.sums,
  });
});

test('T-05, E-32, A-09: carried entries, entries and slot hashes', () => {
  const { carriedLeaf: carried, entryLeaf: entry, slotHashLeaf: slot } = vectors;
  expect([
    plain(
      carriedLeaf(domain, {
        epoch: big(carried, 'epoch'),
        entryHash: bytes(carried, 'entryHash'),
        drawnEpoch: big(carried, 'drawnEpoch'),
        beacon: bytes(carried, 'beacon'),
      }),
    ),
    plain(
      entryLeaf(domain, {
        epoch: big(entry, 'epoch'),
        entryHash: bytes(entry, 'entryHash'),
        price: big(entry, 'price'),
      }),
    ),
    plain(slotHashLeaf(domain, { slot: big(slot, 'slot'), slotHash: bytes(slot, 'slotHash') })),
  ]).toEqual([carried, entry, slot].map((row) => ({ hash: row.hash, sums: row.sums })));
});
