import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { fromHex, toHex } from './bytes.ts';
import { decode, encode } from './codec.ts';
import { label } from './fixtures/market.ts';
import { plainValue } from './fixtures/plainValue.ts';
import {
  checkManifestOrder,
  groupKey,
  type ManifestBody,
  manifestBodyCodec,
  manifestHashOf,
  manifestRecord,
  manifestRoots,
} from './manifest.ts';

interface Vectors {
  readonly domain: string;
  readonly cases: readonly {
    readonly name: string;
    readonly fields: unknown;
    readonly encoded: string;
    readonly roots: unknown;
    readonly header: string;
    readonly manifestHash: string;
  }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/manifest.json', import.meta.url), 'utf8'),
);
const domain = fromHex(vectors.domain);

test.each(vectors.cases)('E-31, E-32, A-07, A-09, M-02, P-12: $name', (vector) => {
  const body = decode(manifestBodyCodec, fromHex(vector.encoded));
  expect(plainValue(body)).toEqual(vector.fields);
  expect(toHex(encode(manifestBodyCodec, body))).toBe(vector.encoded);
  const roots = manifestRoots(domain, body);
  expect(plainValue(roots)).toEqual(vector.roots);
  expect(toHex(manifestRecord.encode(domain, roots))).toBe(vector.header);
  expect(toHex(manifestHashOf(domain, roots))).toBe(vector.manifestHash);
  expect(() => checkManifestOrder(body)).not.toThrow();
});

const group = (epoch: bigint, name: string): ManifestBody['groups'][number] => ({
  epoch,
  engineClass: label(name),
  modelId: label('model'),
  candidates: [],
});
const sorted: ManifestBody = {
  epoch: 1n,
  entries: [1, 2, 3].map((byte) => ({ entryHash: new Uint8Array(32).fill(byte), price: 1n })),
  groups: [group(0n, 'a'), group(1n, 'a')],
  slotHashes: [255n, 256n].map((slot) => ({ slot, slotHash: label('slot') })),
  escrows: [1, 2].map((byte) => ({
    escrow: new Uint8Array(32).fill(byte),
    gateway: label('gateway'),
    available: 1n,
    cumulativeDebit: 0n,
  })),
};

test('E-31: lists in order pass; slots are ordered as numbers', () => {
  expect(() => checkManifestOrder(sorted)).not.toThrow();
});

test.each(['entries', 'groups', 'slotHashes', 'escrows'] as const)(
  'E-31: %s out of order or repeated are refused',
  (list) => {
    const rows = sorted[list];
    expect(() => checkManifestOrder({ ...sorted, [list]: rows.toReversed() })).toThrow(KarmeshError);
    expect(() => checkManifestOrder({ ...sorted, [list]: [rows[0], rows[0]] })).toThrow(
      'A list of a manifest is not sorted or repeats itself.',
    );
  },
);

test('E-31: groups are ordered by epoch, class and model', () => {
  expect(toHex(groupKey(group(258n, 'a')))).toBe(`0000000000000102${toHex(label('a'))}${toHex(label('model'))}`);
});
