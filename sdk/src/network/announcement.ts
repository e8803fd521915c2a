import {
  byteString,
  type Codec,
  type Decoded,
  decode,
  encode,
  fixedBytes,
  oneOf,
  struct,
  text,
  u64,
  vector,
} from '../protocol/codec.ts';
import { type Hash, hash, hashCodec } from '../protocol/hash.ts';
import type { Domain } from '../protocol/header.ts';
import { identityCodec, type Signature, signatureCodec, type VerifySignature } from '../protocol/signature.ts';
import type { Signer } from '../signer.ts';
import { optionalHealthCodec } from './workerHealth.ts';

export const announcedRoles = ['worker', 'validator', 'gateway'] as const;
export type AnnouncedRole = (typeof announcedRoles)[number];

const maxAddresses = 8;
const maxAddressBytes = 256;
const maxModels = 64;

/**
 * N-08: where a participant listens, what it offers, and how a worker says that it is. `incarnation` is which start of its process
 * speaks and `sequence` counts its words since (N-10). `participant` is its account's address; `engineClass` is zero for those who run
 * no engine.
 */
export const announcementCodec = struct({
  identity: identityCodec,
  incarnation: u64,
  sequence: u64,
  role: oneOf(announcedRoles),
  participant: fixedBytes(32),
  multiaddrs: vector(text(maxAddressBytes), maxAddresses),
  engineClass: hashCodec,
  models: vector(hashCodec, maxModels),
  health: optionalHealthCodec,
}) satisfies Codec<unknown>;

export type Announcement = Decoded<typeof announcementCodec>;

const maxSignedBytes = 8_192;
const wireCodec = struct({ body: byteString(maxSignedBytes), signature: signatureCodec });
/** A signed announcement at most: the body's length, the body and a signature. */
export const maxAnnouncementBytes = 4 + maxSignedBytes + 64;
const tag = new TextEncoder().encode('karmesh:announcement:2');

function digest(domain: Domain, body: Uint8Array): Hash {
  return hash(tag, domain, body);
}

/** The bytes to publish. The signature covers SHA-256("karmesh:announcement:2" || domain || announcement). */
export function encodeAnnouncement(
  { domain, signer }: { readonly domain: Domain; readonly signer: Signer },
  announcement: Omit<Announcement, 'identity'>,
): Uint8Array {
  const body = encode(announcementCodec, { ...announcement, identity: signer.publicKey });
  const signature: Signature = signer.sign(digest(domain, body));
  return encode(wireCodec, { body, signature });
}

export type SignedAnnouncement = {
  readonly announcement: Announcement;
  readonly body: Uint8Array;
  readonly signature: Signature;
};

/** The announcement in received bytes, its signature not yet checked, or undefined when they are malformed. */
export function parseAnnouncement(bytes: Uint8Array): SignedAnnouncement | undefined {
  try {
    const { body, signature } = decode(wireCodec, bytes);
    return { announcement: decode(announcementCodec, body), body, signature };
  } catch {
    // Whatever the codec dislikes, the sender wrote.
    return undefined;
  }
}

/** Whether the identity in an announcement signed it. */
export function checkAnnouncement(
  { domain, verify }: { readonly domain: Domain; readonly verify: VerifySignature },
  { announcement, body, signature }: SignedAnnouncement,
): boolean {
  return verify({ message: digest(domain, body), signature, identity: announcement.identity });
}
