import { KarmeshError } from '../errors.ts';
import { compareBytes, u32le, u64le } from './bytes.ts';
import { type Decoded, struct, u32, u64, vector } from './codec.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import type { Domain } from './header.ts';
import type { EngineClassId, ModelId, Participant } from './ids.ts';
import { participantCodec } from './ids.ts';
import { type SumNode, type SumTree, sumTree } from './merkle.ts';
import { identityCodec } from './signature.ts';
import { isActiveIn, type Weights } from './weights.ts';

/** the longest hash chain, and so the most dispatches of one gateway in one epoch. */
export const MAX_CHAIN_LENGTH = 65_536;

/** how many workers run a request, how many must agree, and how many may be drawn before the request is given up. */
export const REPLICAS = 3;
export const MAX_DRAWN = 8;

/**
 * W-10: how many times older than for the first three a dispatch may be for those drawn after them, who are asked only after a time-out
 * or a split. That gives a gateway which lies about the first three more slots to choose from; each further worker doubles the
 * audit rate (U-01).
 */
export const SPARE_AGE_FACTOR = 40n;

/** every so many numbers of a chain a verified preimage is kept. */
const MEMO_STEP = 32n;

/**
 * true if hashing `preimage` n times gives the commitment, 1 <= n <= length. `memo` holds verified preimages of this one
 * chain by number and is added to: with it a chain is hashed through once, and each further entry costs at most 32 hashes
 * instead of up to 65,536.
 */
export function checkChainPreimage(check: {
  readonly preimage: Hash;
  readonly dispatchNumber: bigint;
  readonly commitment: Hash;
  readonly length: number;
  readonly memo?: Map<bigint, Hash>;
}): boolean {
  if (check.dispatchNumber < 1n || check.dispatchNumber > BigInt(Math.min(check.length, MAX_CHAIN_LENGTH)))
    return false;
  const { memo } = check;
  const passed: [bigint, Hash][] = [];
  let value = check.preimage;
  let number = check.dispatchNumber;
  let known = memo?.get(number);
  while (number > 0n && known === undefined) {
    if (number % MEMO_STEP === 0n) passed.push([number, value]);
    value = hash(value);
    number--;
    known = memo?.get(number);
  }
  if (compareBytes(value, known ?? check.commitment) !== 0) return false;
  for (const [at, preimage] of passed) memo?.set(at, preimage);
  return true;
}

/** the preimage of dispatch n: the chain's secret end hashed `length - n` times. */
export function chainPreimage(
  chain: { readonly secret: Uint8Array; readonly length: number },
  dispatchNumber: bigint,
): Hash {
  let value: Hash = chain.secret;
  for (let i = dispatchNumber; i < BigInt(chain.length); i++) value = hash(value);
  return value;
}

/** `seed = H(hash of the dispatch's slot || preimage || n u64)`. The request id stays out: a gateway could grind its blinding. */
export function drawSeed(parts: {
  readonly slotHash: Hash;
  readonly preimage: Hash;
  readonly dispatchNumber: bigint;
}): Hash {
  return hash(parts.slotHash, parts.preimage, u64le(parts.dispatchNumber));
}

/** One worker that may be drawn in an epoch, of one engine class and model. */
export const candidateCodec = struct({
  participant: participantCodec,
  index: u32,
  identity: identityCodec,
  weight: u64,
});
export type Candidate = Decoded<typeof candidateCodec>;

/** the candidates of one (epoch, engine class, model), in the order of their registration index. */
export const MAX_CANDIDATES = 1 << 16;
export const candidateGroupCodec = struct({
  epoch: u64,
  engineClass: hashCodec,
  modelId: hashCodec,
  candidates: vector(candidateCodec, MAX_CANDIDATES),
});
export type CandidateGroup = Decoded<typeof candidateGroupCodec>;

/**
 * `weight = capacity x floor + min(capacity x cap, karma)`, so that the first epoch works, nobody's karma takes every draw, and one
 * worker of capacity 10 is drawn as often as ten of capacity 1 with the same karma in all. Micro-karma.
 */
export function drawWeight(
  worker: { readonly karma: bigint; readonly capacity: number },
  policy: { readonly weightFloor: bigint; readonly weightCap: bigint },
): bigint {
  const capacity = BigInt(worker.capacity);
  const most = capacity * policy.weightCap;
  return capacity * policy.weightFloor + (worker.karma < most ? worker.karma : most);
}

/** What the draw needs to know of a worker's account. The names are the account's (docs/protocol.md, Participant). */
export interface WorkerAccount {
  readonly address: Participant;
  readonly index: number;
  readonly identity: Uint8Array;
  readonly previousIdentity: Uint8Array;
  readonly identityFromEpoch: bigint;
  /** P-28: 0 while the worker's bond does not stand for its capacity. */
  readonly weights: Weights;
  /** P-33: the second from `capacityFromEpoch` on, the first before. */
  readonly capacity: readonly [number, number];
  readonly capacityFromEpoch: bigint;
  readonly weightKarma: readonly [bigint, bigint];
  readonly weightFromEpoch: bigint;
  readonly engineClass: Uint8Array;
  readonly models: readonly Uint8Array[];
}

/** the identity that signs for an account in an epoch. */
export function identityInEpoch(
  account: Pick<WorkerAccount, 'identity' | 'previousIdentity' | 'identityFromEpoch'>,
  epoch: bigint,
): Uint8Array {
  return account.identityFromEpoch <= epoch ? account.identity : account.previousIdentity;
}

/** who may be drawn: workers of the class and model whose bond stood before the epoch's first slot. Read during that epoch (see P-21 on weights). */
export function candidateGroup(
  workers: readonly WorkerAccount[],
  key: { readonly epoch: bigint; readonly engineClass: EngineClassId; readonly modelId: ModelId },
  policy: { readonly weightFloor: bigint; readonly weightCap: bigint },
): CandidateGroup {
  const candidates = workers
    .filter((worker) => isActiveIn(worker, key.epoch) && compareBytes(worker.engineClass, key.engineClass) === 0)
    .filter((worker) => worker.models.some((model) => compareBytes(model, key.modelId) === 0))
    .sort((a, b) => a.index - b.index)
    .map((worker) => ({
      participant: worker.address,
      index: worker.index,
      identity: identityInEpoch(worker, key.epoch),
      weight: drawWeight(
        {
          karma: worker.weightKarma[worker.weightFromEpoch <= key.epoch ? 1 : 0],
          capacity: worker.capacity[worker.capacityFromEpoch <= key.epoch ? 1 : 0],
        },
        policy,
      ),
    }));
  return { ...key, candidates };
}

const LEAF = new Uint8Array([0]);

/** the Merkle-sum tree of a group, a leaf per candidate with its weight as the sum. */
export function candidateTree(domain: Domain, group: CandidateGroup): SumTree {
  const leaves = group.candidates.map(
    (candidate): SumNode => ({
      hash: hash(
        LEAF,
        domain,
        u64le(group.epoch),
        candidate.participant,
        u32le(candidate.index),
        candidate.identity,
        u64le(candidate.weight),
      ),
      sums: [candidate.weight],
    }),
  );
  return sumTree(leaves, 1);
}

/** the leaf of a group in the manifest's candidatesRoot. */
export function candidateGroupLeaf(domain: Domain, group: CandidateGroup): SumNode {
  const { root } = candidateTree(domain, group);
  return {
    hash: hash(
      LEAF,
      domain,
      u64le(group.epoch),
      group.engineClass,
      group.modelId,
      u32le(group.candidates.length),
      root.hash,
    ),
    sums: root.sums,
  };
}

/** Draws that hit somebody already drawn are skipped; this many in all end the search, so that one huge weight cannot spin it. */
const MAX_ATTEMPTS = 4096;

/**
 * the workers of a dispatch in order. Attempt j takes x = H(seed || j u32) as a 128-bit little-endian number modulo the
 * total weight, and the candidate in whose interval of the running sum x falls; a candidate drawn before is skipped. Each
 * draw can be shown by one path into the Merkle-sum tree. Returns at most `limit` candidates, fewer if there are fewer.
 */
export function drawWorkers(options: {
  readonly seed: Hash;
  readonly candidates: readonly Candidate[];
  readonly limit?: number;
}): readonly Candidate[] {
  const limit = Math.min(options.limit ?? MAX_DRAWN, options.candidates.length);
  const upTo = runningSums(options.candidates);
  const total = upTo.at(-1) ?? 0n;
  const drawn: Candidate[] = [];
  if (total === 0n) return drawn;
  for (let attempt = 0; drawn.length < limit && attempt < MAX_ATTEMPTS; attempt++) {
    const chosen = pickByWeight({ candidates: options.candidates, upTo }, drawNumber(options.seed, attempt) % total);
    if (!drawn.includes(chosen)) drawn.push(chosen);
  }
  return drawn;
}

/** attempt j's 128-bit number. */
export function drawNumber(seed: Hash, attempt: number): bigint {
  const digest = hash(seed, u32le(attempt));
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return view.getBigUint64(0, true) + (view.getBigUint64(8, true) << 64n);
}

/** A group is drawn from for every entry of its epoch, so that its sums are worth keeping for as long as it lives. */
const sumsOfGroups = new WeakMap<readonly Candidate[], readonly bigint[]>();

/** What the weights add up to, up to and with each candidate. */
function runningSums(candidates: readonly Candidate[]): readonly bigint[] {
  const known = sumsOfGroups.get(candidates);
  if (known !== undefined) return known;
  let sum = 0n;
  const sums = candidates.map(({ weight }) => {
    sum += weight;
    return sum;
  });
  sumsOfGroups.set(candidates, sums);
  return sums;
}

/** The first candidate whose running sum is over x. */
function pickByWeight(
  { candidates, upTo }: { readonly candidates: readonly Candidate[]; readonly upTo: readonly bigint[] },
  x: bigint,
): Candidate {
  let [low, high] = [0, candidates.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x < (upTo[middle] ?? 0n)) high = middle;
    else low = middle + 1;
  }
  const chosen = candidates[low];
  if (chosen !== undefined && x < (upTo[low] ?? 0n)) return chosen;
  throw new KarmeshError('BAD_ARGUMENT', 'A draw fell outside of the total weight.', { x, upTo: upTo.at(-1) });
}
