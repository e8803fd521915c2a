import { KarmeshError } from '../errors.ts';
import { type Codec, decode, encode, fixedBytes, struct, u8 } from './codec.ts';
import { type Hash, hash, hashOf } from './hash.ts';

/** F-01: the version of every layout in this folder. It is part of the domain, so that records of two versions never mix. */
export const PROTOCOL_VERSION = 1;

/** 32 bytes that begin every header: one cluster, one program, one version. */
export type Domain = Hash;

/** F-01: `domain = SHA-256("karmesh:domain" || genesis hash || program id || version u16le)`. */
export function makeDomain(options: { readonly genesisHash: Uint8Array; readonly programId: Uint8Array }): Domain {
  const version = new Uint8Array([PROTOCOL_VERSION & 0xff, PROTOCOL_VERSION >> 8]);
  return hash(new TextEncoder().encode('karmesh:domain'), options.genesisHash, options.programId, version);
}

/** F-02: the byte after the domain. It separates records of different kinds that happen to have equal fields. */
export const KIND = {
  request: 1,
  ticket: 2,
  dispatch: 3,
  seal: 4,
  usage: 5,
  receipt: 6,
  refusal: 7,
  timeout: 8,
  outcome: 9,
  batch: 10,
  manifest: 11,
  verdict: 12,
  report: 13,
  rootSeal: 14,
  salt: 15,
  saltCommitment: 16,
  beacon: 17,
  usageChain: 18,
  secp256k1: 19,
  sealValue: 20,
  output: 21,
  voucher: 22,
  finding: 23,
  planted: 24,
  quote: 25,
  depositOffer: 26,
  order: 27,
} as const;

/** F-03: what is signed is the hash of a header of at most this many bytes, so that evidence fits a Solana transaction. */
export const MAX_HEADER_BYTES = 192;

const DOMAIN_BYTES = 32;

/** A record with a fixed header: `domain || kind || fields`. */
export interface HeaderCodec<T> {
  readonly kind: number;
  /** Size of the whole header in bytes. */
  readonly size: number;
  readonly fields: Codec<T>;
  encode(domain: Domain, value: T): Uint8Array;
  /** F-04: throws `CODEC` unless the header is of this domain, this kind and exactly this size. */
  decode(domain: Domain, bytes: Uint8Array): T;
  hash(domain: Domain, value: T): Hash;
}

/** Makes the header codec of one kind. Throws at load time if the fields are not of fixed size or exceed 192 bytes in all. */
export function header<T>(kind: number, fields: Codec<T>): HeaderCodec<T> {
  const size = fields.size === undefined ? Number.POSITIVE_INFINITY : DOMAIN_BYTES + 1 + fields.size;
  if (size > MAX_HEADER_BYTES)
    throw new KarmeshError('CODEC', 'A header must be of fixed size and at most 192 bytes.', { kind, size });
  const whole = struct({ domain: fixedBytes(DOMAIN_BYTES), kind: u8, fields });
  return {
    kind,
    size,
    fields,
    encode: (domain, value) => encode(whole, { domain, kind, fields: value as never }),
    decode(domain, bytes) {
      const decoded = decode(whole, bytes);
      if (decoded.kind !== kind)
        throw new KarmeshError('CODEC', 'A header is of another kind.', { kind: decoded.kind, expected: kind });
      if (decoded.domain.some((byte, i) => byte !== domain[i])) {
        throw new KarmeshError('CODEC', 'A header belongs to another cluster, program or protocol version.', { kind });
      }
      return decoded.fields as T;
    },
    hash: (domain, value) => hashOf(whole, { domain, kind, fields: value as never }),
  };
}
