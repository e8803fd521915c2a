import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { KarmeshError } from '../errors.ts';
import { measurementsCodec } from './audit.ts';
import { fromHex, toHex } from './bytes.ts';
import { decode, encode } from './codec.ts';
import { depositOfferRecord } from './depositOffer.ts';
import { plainValue } from './fixtures/plainValue.ts';
import { type HeaderCodec, KIND } from './header.ts';
import { orderRecord } from './order.ts';
import { quoteRecord } from './quote.ts';
import {
  batchRecord,
  dispatchRecord,
  outcomeRecord,
  receiptBodyCodec,
  receiptBodyHash,
  receiptRecord,
  refusalRecord,
  type Seal,
  sealRecord,
  sealsHashOf,
  ticketRecord,
  timeoutRecord,
  usageRecord,
  verdictRecord,
  voucherRecord,
} from './records.ts';
import { checkRecord, signedCodec, signRecord } from './signature.ts';

interface Vectors {
  readonly domain: string;
  readonly keys: Readonly<Record<string, { readonly seed: string; readonly publicKey: string }>>;
  readonly records: readonly {
    readonly name: string;
    readonly kind: number;
    readonly signer: string;
    readonly size: number;
    readonly fields: unknown;
    readonly header: string;
    readonly hash: string;
    readonly signature: string;
    readonly signed: string;
  }[];
  readonly receiptBody: { readonly fields: unknown; readonly encoded: string; readonly bodyHash: string };
  readonly sealsHash: { readonly seals: readonly Readonly<Record<string, string>>[]; readonly sealsHash: string };
  readonly measurements: { readonly fields: unknown; readonly encoded: string };
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/records.json', import.meta.url), 'utf8'),
);
const domain = fromHex(vectors.domain);
const records = {
  ticket: ticketRecord,
  dispatch: dispatchRecord,
  seal: sealRecord,
  usage: usageRecord,
  receipt: receiptRecord,
  refusal: refusalRecord,
  timeout: timeoutRecord,
  outcome: outcomeRecord,
  batch: batchRecord,
  verdict: verdictRecord,
  voucher: voucherRecord,
  quote: quoteRecord,
  depositOffer: depositOfferRecord,
  order: orderRecord,
} as const;
const recordOf = (name: string): HeaderCodec<unknown> =>
  records[name as keyof typeof records] as unknown as HeaderCodec<unknown>;

test('F-20 to F-35: the vectors hold every signed record', () => {
  expect(vectors.records.map(({ name }) => name)).toEqual(Object.keys(records));
});

describe.each(vectors.records)('$name', (vector) => {
  const record = recordOf(vector.name);
  const header = fromHex(vector.header);

  test('F-02, F-03: kind, size and every byte of the header are the vector’s', () => {
    const value = record.decode(domain, header);
    expect({ kind: record.kind, size: record.size }).toEqual({ kind: vector.kind, size: vector.size });
    expect(plainValue(value)).toEqual(vector.fields);
    expect(toHex(record.encode(domain, value))).toBe(vector.header);
    expect(toHex(record.hash(domain, value))).toBe(vector.hash);
  });

  test('F-05: the signature of the test key is the vector’s, and holds', () => {
    const key = vectors.keys[vector.signer];
    const secret = fromHex(key?.seed ?? '');
    const signer = {
      publicKey: ed25519.getPublicKey(secret),
      sign: (bytes: Uint8Array) => ed25519.sign(bytes, secret),
    };
    expect(toHex(signer.publicKey)).toBe(key?.publicKey);
    const signed = signRecord(record, { domain, signer }, record.decode(domain, header));
    expect(toHex(signed.signature)).toBe(vector.signature);
    expect(toHex(encode(signedCodec(record), signed))).toBe(vector.signed);
    expect(decode(signedCodec(record), fromHex(vector.signed))).toEqual(signed);
    expect(checkRecord(record, { domain, identity: signer.publicKey }, signed)).toBe(true);
  });

  test('F-04: another domain, another kind, a byte less and a byte more are refused', () => {
    const changed = (place: number): Uint8Array => header.map((byte, i) => (i === place ? byte ^ 1 : byte));
    const refused = [changed(0), changed(31), changed(32), header.subarray(0, -1), Uint8Array.of(...header, 0)];
    for (const bytes of refused) expect(() => record.decode(domain, bytes)).toThrow(KarmeshError);
  });
});

test('F-02: every kind has a number of its own', () => {
  expect(new Set(Object.values(KIND)).size).toBe(Object.values(KIND).length);
});

test('F-24: a receipt’s body', () => {
  const body = decode(receiptBodyCodec, fromHex(vectors.receiptBody.encoded));
  expect(plainValue(body)).toEqual(vectors.receiptBody.fields);
  expect(toHex(encode(receiptBodyCodec, body))).toBe(vectors.receiptBody.encoded);
  expect(toHex(receiptBodyHash(body))).toBe(vectors.receiptBody.bodyHash);
});

test('F-25: the hash over seals follows their order', () => {
  const seals = vectors.sealsHash.seals.map(
    (seal): Seal => ({
      dispatchHash: fromHex(seal.dispatchHash ?? ''),
      worker: fromHex(seal.worker ?? ''),
      seal: fromHex(seal.seal ?? ''),
      sealedAtMs: BigInt(seal.sealedAtMs ?? 0),
    }),
  );
  expect(toHex(sealsHashOf(seals))).toBe(vectors.sealsHash.sealsHash);
  expect(toHex(sealsHashOf(seals.toReversed()))).not.toBe(vectors.sealsHash.sealsHash);
});

test('U-04: measurements', () => {
  const measured = decode(measurementsCodec, fromHex(vectors.measurements.encoded));
  expect(plainValue(measured)).toEqual(vectors.measurements.fields);
  expect(toHex(encode(measurementsCodec, measured))).toBe(vectors.measurements.encoded);
});
