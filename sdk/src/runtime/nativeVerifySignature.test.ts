import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { expect, test } from 'vitest';
import { verifySignature } from '../protocol/signature.ts';
import { nativeVerifySignature } from './nativeVerifySignature.ts';

const { secretKey, publicKey } = ed25519.keygen(new Uint8Array(32).fill(9));
const message = new TextEncoder().encode('a message');
const signature = ed25519.sign(message, secretKey);

/** Deterministic bytes, so that a failure can be run again. */
function bytes(seed: string, length: number): Uint8Array {
  const out: number[] = [];
  for (let block = 0; out.length < length; block += 1)
    out.push(...createHash('sha256').update(`${seed}:${block}`).digest());
  return Uint8Array.from(out.slice(0, length));
}

/** The points whose order divides eight, and encodings of a coordinate at or above the field's order. */
const oddKeys = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

test('accepts a true signature', () => {
  expect(nativeVerifySignature({ message, signature, identity: publicKey })).toBe(true);
});

test('says what the protocol’s own check says, bit by bit', () => {
  for (let bit = 0; bit < 512; bit += 1) {
    const flipped = signature.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const check = { message, signature: flipped, identity: publicKey };
    expect([bit, nativeVerifySignature(check)]).toEqual([bit, verifySignature(check)]);
  }
  for (let bit = 0; bit < 256; bit += 1) {
    const flipped = publicKey.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const check = { message, signature, identity: flipped };
    expect([bit, nativeVerifySignature(check)]).toEqual([bit, verifySignature(check)]);
  }
});

test('says what the protocol’s own check says of odd keys, with signatures made for them', () => {
  // With a key of small order, R = S*B and any message, the equation holds whenever the hash is a multiple of the order.
  for (const identity of oddKeys) {
    for (const r of oddKeys) {
      for (let index = 0; index < 8; index += 1) {
        const crafted = new Uint8Array(64);
        crafted.set(r);
        const check = { message: bytes(`m${index}`, 8), signature: crafted, identity };
        expect(nativeVerifySignature(check)).toBe(verifySignature(check));
      }
    }
  }
});

test('wrong lengths and random bytes are false and never throw', () => {
  expect(nativeVerifySignature({ message, signature: signature.subarray(1), identity: publicKey })).toBe(false);
  expect(nativeVerifySignature({ message, signature, identity: publicKey.subarray(1) })).toBe(false);
  for (let index = 0; index < 64; index += 1) {
    const check = { message, signature: bytes(`s${index}`, 64), identity: bytes(`k${index}`, 32) };
    expect(nativeVerifySignature(check)).toBe(false);
  }
});
