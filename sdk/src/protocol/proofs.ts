import { KarmeshError } from '../errors.ts';
import { equalBytes, readU64le, u32le, u64le } from './bytes.ts';
import { type Hash, hash } from './hash.ts';
import type { Domain } from './header.ts';
import type { ModelId } from './ids.ts';
import { type SumNode, type SumTree, sumTree } from './merkle.ts';

// What a chain and the validators know proofs by (docs/proofs.md, Z-40 to Z-43).

const LEAF = new Uint8Array([0]);
const tag = (name: string): Uint8Array => new TextEncoder().encode(name);
const PROOF = tag('karmesh:proof');
const CHALLENGE = tag('karmesh:challenge');

/** The key of one operator of a model, as a registry names it. */
export interface LayerKeyName {
  /** SHA-256 of the verifying key's bytes. */
  readonly keyId: Hash;
  /** Which of its public signals, from 0, is the context. */
  readonly contextIndex: number;
}

/** Z-40: `H(0x00 || domain || modelId || operator u32 || contextIndex u8 || keyId)`, without sums. */
export function layerKeyLeaf(
  domain: Domain,
  leaf: LayerKeyName & { readonly modelId: ModelId; readonly operator: number },
): SumNode {
  const { modelId, operator, contextIndex, keyId } = leaf;
  return { hash: hash(LEAF, domain, modelId, u32le(operator), new Uint8Array([contextIndex]), keyId), sums: [] };
}

/** Z-40: the tree (T-02, no sums) over a model's keys in the order of its operators and, last, its facts (Z-44). Its root is what validators attest. */
export function layerKeyTree(
  domain: Domain,
  options: {
    readonly modelId: ModelId;
    readonly keys: readonly LayerKeyName[];
    readonly facts?: SumNode;
  },
): SumTree {
  const { modelId, keys, facts } = options;
  const leaves = keys.map((key, operator) => layerKeyLeaf(domain, { ...key, modelId, operator }));
  return sumTree(facts === undefined ? leaves : [...leaves, facts], 0);
}

/** What one proof is for. */
export interface ProofPlace {
  /** The epoch in whose set the entry stands. */
  readonly epoch: bigint;
  readonly entryHash: Hash;
  readonly modelId: ModelId;
  /** Of the token, from 0 over prompt and answer. */
  readonly position: number;
  /** In the order of Z-40. */
  readonly operator: number;
}

/**
 * Z-41: the signal that ties a proof to an answer:
 * `H("karmesh:proof" || domain || epoch u64 || entryHash || modelId || position u32 || operator u32)` without its three highest bits, big-endian.
 */
export function proofContext(domain: Domain, place: ProofPlace): bigint {
  const { epoch, entryHash, modelId, position, operator } = place;
  const digest = hash(PROOF, domain, u64le(epoch), entryHash, modelId, u32le(position), u32le(operator));
  digest[0] = (digest[0] ?? 0) & 0x1f;
  return digest.reduce((number, byte) => (number << 8n) + BigInt(byte), 0n);
}

/** Z-42: which token of an answer is challenged: the first eight bytes of `H("karmesh:challenge" || beacon || entryHash)` modulo its positions. */
export function challengedPosition(draw: {
  readonly beacon: Hash;
  readonly entryHash: Hash;
  /** Of the trace: prompt and answer without the last token, behind which nothing was computed. */
  readonly positions: number;
}): number {
  return Number(readU64le(hash(CHALLENGE, draw.beacon, draw.entryHash)) % BigInt(draw.positions));
}

/** Z-43: what a chain keeps of a proof that held: `H(operator u32 || signals, 32 bytes each, big-endian)`. */
export function statementHash(operator: number, signals: readonly bigint[]): Hash {
  return hash(u32le(operator), ...signals.map(signalBytes));
}

/** Z-43: whether a record, by operator, has this statement. */
export function isRecorded(
  recorded: readonly (Uint8Array | undefined)[],
  { operator, signals }: { readonly operator: number; readonly signals: readonly bigint[] },
): boolean {
  const kept = recorded[operator];
  return kept !== undefined && equalBytes(kept, statementHash(operator, signals));
}

/** A public signal as a chain takes it: 32 bytes, big-endian. Throws `CODEC` outside 0 to 2^256 - 1. */
export function signalBytes(signal: bigint): Uint8Array {
  if (signal < 0n || signal >= 1n << 256n)
    throw new KarmeshError('CODEC', 'A signal does not fit 32 bytes.', { signal });
  return Uint8Array.from({ length: 32 }, (_, i) => Number((signal >> BigInt(8 * (31 - i))) & 0xffn));
}
