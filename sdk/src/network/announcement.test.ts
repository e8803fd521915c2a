import { ed25519 } from '@noble/curves/ed25519.js';
import { expect, test } from 'vitest';
import { verifySignature } from '../protocol/signature.ts';
import { type Announcement, checkAnnouncement, encodeAnnouncement, parseAnnouncement } from './announcement.ts';

const { secretKey, publicKey } = ed25519.keygen(new Uint8Array(32).fill(3));
const signer = { publicKey, sign: (message: Uint8Array) => ed25519.sign(message, secretKey) };
const domain = new Uint8Array(32).fill(1);

const said: Omit<Announcement, 'identity'> = {
  incarnation: 1_700_000_000_000n,
  sequence: 1n,
  role: 'worker',
  participant: new Uint8Array(32).fill(4),
  multiaddrs: ['/ip4/127.0.0.1/tcp/4001'],
  engineClass: new Uint8Array(32).fill(5),
  models: [new Uint8Array(32).fill(6), new Uint8Array(32).fill(7)],
  health: {
    state: 'serving',
    cpuPermille: 870,
    residentBytes: 512_000_000n,
    active: 3,
    waiting: 1,
    maxActive: 4,
    maxWaiting: 16,
    milliTokensPerSecond: 41_500n,
  },
};
const bytes = encodeAnnouncement({ domain, signer }, said);

function holds(received: Uint8Array, inDomain = domain): boolean {
  const signed = parseAnnouncement(received);
  return signed !== undefined && checkAnnouncement({ domain: inDomain, verify: verifySignature }, signed);
}

test('what was announced is what is read, and its signature holds', () => {
  expect(parseAnnouncement(bytes)?.announcement).toEqual({ ...said, identity: publicKey });
  expect(holds(bytes)).toBe(true);
});

test('those who run no engine say nothing of their health, and what stands in its place is refused', () => {
  const without = encodeAnnouncement({ domain, signer }, { ...said, health: undefined });
  expect(parseAnnouncement(without)?.announcement).toEqual({ ...said, health: undefined, identity: publicKey });
  const presence = without.length - 64 - 1;
  expect(without[presence]).toBe(1);
  for (const byte of [0, 2, 3, 255]) {
    expect(parseAnnouncement(without.with(presence, byte))).toBeUndefined();
  }
});

test('N-08: the layout of an announcement', () => {
  const { length } = bytes;
  // Length of the body, identity, incarnation, sequence, role, participant, one address, class, two models, health, signature.
  expect(length).toBe(4 + 32 + 8 + 8 + 1 + 32 + (4 + 4 + 23) + 32 + (4 + 64) + (1 + 1 + 4 + 8 + 4 * 4 + 8) + 64);
});

test('another domain, any flipped bit, a missing byte and one more are refused', () => {
  expect(holds(bytes, new Uint8Array(32).fill(2))).toBe(false);
  expect(holds(bytes.subarray(0, -1))).toBe(false);
  expect(holds(Uint8Array.of(...bytes, 0))).toBe(false);
  for (let at = 0; at < bytes.length; at += 1) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    expect([at, holds(flipped)]).toEqual([at, false]);
  }
});

test('too many addresses or models are not encoded', () => {
  const many = Array.from({ length: 65 }, () => new Uint8Array(32));
  expect(() => encodeAnnouncement({ domain, signer }, { ...said, models: many })).toThrowError(
    expect.objectContaining({ code: 'CODEC' }),
  );
});
