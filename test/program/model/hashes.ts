import { concatBytes, fromHex, hash, toHex, u32le, u64le } from '@karmesh/sdk/protocol';
import type { Key, Report } from './ledger.ts';

// The hashes of the protocol's tables, over fields as they stand there.

type Part = Key | bigint | number | Uint8Array;

/** Keys are 32 bytes, bigints a u64, numbers a u32. */
const bytesOf = (part: Part): Uint8Array => {
  if (typeof part === 'string') return fromHex(part);
  if (typeof part === 'bigint') return u64le(part);
  return typeof part === 'number' ? u32le(part) : part;
};
const over = (...parts: readonly Part[]): Key => toHex(hash(...parts.map(bytesOf)));
const byte = (value: number): Uint8Array => new Uint8Array([value]);

export interface Manifest {
  readonly epoch: bigint;
  readonly receiptSetRoot: Key;
  readonly entryCount: number;
  readonly candidatesRoot: Key;
  readonly slotHashesRoot: Key;
  readonly escrowsRoot: Key;
}

/** P-12. */
export function manifestHash(domain: Key, of: Manifest): Key {
  const { epoch, receiptSetRoot, entryCount, candidatesRoot, slotHashesRoot, escrowsRoot } = of;
  return over(domain, byte(11), epoch, receiptSetRoot, entryCount, candidatesRoot, slotHashesRoot, escrowsRoot);
}

/** P-14: what an attestation commits to, and what a revealed salt adds to the beacon. */
export function saltHash(
  domain: Key,
  of: { readonly epoch: bigint; readonly validator: Key; readonly salt: Key },
): Key {
  return over(domain, byte(16), of.epoch, of.validator, of.salt);
}

export function saltShare(
  domain: Key,
  of: { readonly epoch: bigint; readonly validator: Key; readonly salt: Key },
): Key {
  return over(domain, byte(15), of.epoch, of.validator, of.salt);
}

/** P-15. */
export function beaconOf(
  domain: Key,
  of: { readonly epoch: bigint; readonly slotHash: Key; readonly accumulator: Key },
): Key {
  return over(domain, byte(17), of.epoch, of.slotHash, of.accumulator);
}

/** P-18. */
export function reportHash(
  domain: Key,
  of: { readonly epoch: bigint; readonly verdictsRoot: Key; readonly report: Report },
): Key {
  return over(domain, byte(13), of.epoch, of.verdictsRoot, over(reportBytes(of.report)));
}

export function reportBytes(report: Report): Uint8Array {
  const { root, totals, participantCount, settlementsRoot, settlementsTotal, escrowCount } = report;
  const { carriedRoot, carriedCount, priorRoot, claimsRoot } = report;
  const parts: Part[] = [root, ...totals, participantCount, settlementsRoot, settlementsTotal, escrowCount];
  return concatBytes(...[...parts, carriedRoot, carriedCount, priorRoot, claimsRoot].map(bytesOf));
}

/** P-18. */
export function sealOf(
  domain: Key,
  of: { readonly epoch: bigint; readonly reportHash: Key; readonly salt: Key; readonly validator: Key },
): Key {
  return over(domain, byte(14), of.epoch, of.reportHash, of.salt, of.validator);
}

export interface Settlement {
  readonly escrow: Key;
  readonly cumulativeAfter: bigint;
  readonly debit: bigint;
}

/** P-19. */
export function settlementLeaf(domain: Key, epoch: bigint, of: Settlement): Key {
  return over(byte(0), domain, epoch, of.escrow, of.cumulativeAfter, of.debit);
}

export interface LifetimeLeaf {
  readonly participant: Key;
  readonly lifetime: readonly bigint[];
  readonly owed: bigint;
  readonly receiptsRoot: Key;
}

/** T-01. */
export function lifetimeLeaf(domain: Key, epoch: bigint, of: LifetimeLeaf): Key {
  return over(byte(0), domain, epoch, of.participant, ...of.lifetime, of.owed, of.receiptsRoot);
}

/** T-02 and T-06: an inner node, with the sums of its children if the tree has any. */
export function innerNode(left: Key, right: Key, sums: readonly bigint[] = []): Key {
  return over(byte(1), left, right, ...sums);
}

/** F-32. */
export function voucherHash(domain: Key, escrow: Key, cumulative: bigint): Key {
  return over(domain, byte(22), escrow, cumulative);
}

/** P-41. */
export function commitmentOf(
  domain: Key,
  of: { readonly finder: Key; readonly evidence: Uint8Array; readonly salt: Key },
): Key {
  return over(domain, byte(23), of.finder, over(of.evidence), of.salt);
}

/** P-44: what the signer of a record signed. */
export function recordHash(domain: Key, kind: number, fields: Uint8Array): Key {
  return over(domain, byte(kind), fields);
}

/** P-42, P-44: the name of the offence of two records of one kind with one key. */
export function doubleSignKey(kind: number, key: Uint8Array): Key {
  return over(new TextEncoder().encode('karmesh:offence'), byte(1), byte(kind), key);
}
