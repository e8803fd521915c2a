import { type Decoded, oneOf, struct, u64, vector } from './codec.ts';
import { hashCodec } from './hash.ts';

/** V-18: asks a validator by which hashes the bodies of an epoch are served: one ask, one answer. */
export const EPOCH_PROTOCOL = '/karmesh/epoch/1';

/** An epoch has one manifest and report that count; attempts that failed add a few. */
export const MAX_BODIES = 64;

/** 64 references of 65 bytes and their count. */
export const MAX_EPOCH_FRAME_BYTES = 4 + MAX_BODIES * 65;

export const epochAskCodec = struct({ epoch: u64 });

/** V-18: what a body is of; its key is the hash that the chain holds: manifestHash, verdictsRoot or reportHash. */
export const BODY_KINDS = ['manifest', 'verdicts', 'report'] as const;
export type BodyKind = (typeof BODY_KINDS)[number];

const bodyReferenceCodec = struct({ kind: oneOf(BODY_KINDS), key: hashCodec, bodyHash: hashCodec });
export type BodyReference = Decoded<typeof bodyReferenceCodec>;
export const epochAnswerCodec = struct({ bodies: vector(bodyReferenceCodec, MAX_BODIES) });

/** V-18, gossiped: the body of the manifest that an epoch was closed with. */
export const manifestAnnouncementCodec = struct({ epoch: u64, manifestHash: hashCodec, bodyHash: hashCodec });

/** V-18, gossiped: the body of the report that an epoch ended with. */
export const reportAnnouncementCodec = struct({ epoch: u64, bodyHash: hashCodec });
