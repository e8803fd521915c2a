import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { decode, encode } from './codec.ts';
import { makeDomain } from './header.ts';
import { sealRecord } from './records.ts';
import { checkRecord, signedCodec, signRecord, verifySignature } from './signature.ts';

interface Vectors {
  readonly keys: readonly { readonly name: string; readonly seed: string; readonly publicKey: string }[];
  readonly cases: readonly {
    readonly name: string;
    readonly identity: string;
    readonly message: string;
    readonly signature: string;
    readonly holds: boolean;
  }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/signature.json', import.meta.url), 'utf8'),
);

test.each(vectors.cases)('F-05: $name: $holds', ({ identity, message, signature, holds }) => {
  expect(
    verifySignature({ identity: fromHex(identity), message: fromHex(message), signature: fromHex(signature) }),
  ).toBe(holds);
});

test('F-05: the test keys of all vectors come from their seeds', () => {
  expect(vectors.keys.map(({ seed }) => toHex(ed25519.getPublicKey(fromHex(seed))))).toEqual(
    vectors.keys.map(({ publicKey }) => publicKey),
  );
});

test('F-05: no flipped bit of a signature holds', () => {
  const good = vectors.cases[0];
  if (good === undefined) throw new RangeError('The vectors are empty.');
  const identity = fromHex(good.identity);
  const message = fromHex(good.message);
  const held: number[] = [];
  for (let bit = 0; bit < 512; bit++) {
    const signature = fromHex(good.signature);
    signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (verifySignature({ identity, message, signature })) held.push(bit);
  }
  expect(held).toEqual([]);
});

test('F-05: a record holds under its domain, kind, fields and signer only', () => {
  const secret = new Uint8Array(32).fill(9);
  const signer = {
    publicKey: ed25519.getPublicKey(secret),
    sign: (message: Uint8Array) => ed25519.sign(message, secret),
  };
  const domain = makeDomain({ genesisHash: new Uint8Array(32).fill(1), programId: new Uint8Array(32).fill(2) });
  const other = makeDomain({ genesisHash: new Uint8Array(32).fill(1), programId: new Uint8Array(32).fill(3) });
  const value = {
    dispatchHash: new Uint8Array(32).fill(4),
    worker: new Uint8Array(32).fill(5),
    seal: new Uint8Array(32).fill(6),
    sealedAtMs: 7n,
  };
  const signed = signRecord(sealRecord, { domain, signer }, value);
  const identity = signer.publicKey;
  expect(checkRecord(sealRecord, { domain, identity }, signed)).toBe(true);
  expect(checkRecord(sealRecord, { domain: other, identity }, signed)).toBe(false);
  expect(checkRecord(sealRecord, { domain, identity }, { ...signed, value: { ...value, sealedAtMs: 8n } })).toBe(false);
  expect(checkRecord(sealRecord, { domain, identity: new Uint8Array(32).fill(8) }, signed)).toBe(false);
  expect(decode(signedCodec(sealRecord), encode(signedCodec(sealRecord), signed))).toEqual(signed);
});

test('F-05: a faster check can be injected', () => {
  const asked: unknown[] = [];
  const value = {
    dispatchHash: new Uint8Array(32),
    worker: new Uint8Array(32),
    seal: new Uint8Array(32),
    sealedAtMs: 0n,
  };
  const domain = makeDomain({ genesisHash: new Uint8Array(32), programId: new Uint8Array(32) });
  const identity = new Uint8Array(32).fill(1);
  const signature = new Uint8Array(64).fill(2);
  const verify = (check: unknown): boolean => {
    asked.push(check);
    return true;
  };
  expect(checkRecord(sealRecord, { domain, identity, verify }, { value, signature })).toBe(true);
  expect(asked).toEqual([{ message: sealRecord.hash(domain, value), signature, identity }]);
});
