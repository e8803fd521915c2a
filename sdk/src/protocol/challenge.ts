import { shake256 } from '@noble/hashes/sha3.js';
import { concatBytes, u32le } from './bytes.ts';
import { byteString, type Decoded, decode, encode, fixedBytes, oneOf, struct, u32, vector } from './codec.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import type { Domain } from './header.ts';
import type { ModelId } from './ids.ts';
import { type SumNode, type SumTree, sumPathCodec, sumTree } from './merkle.ts';
import { LAYER_OPERATORS, operatorCount, operatorOf, type TensorPlace } from './operatorGraph.ts';
import type { CommittedRun } from './tensorCommitments.ts';
import { CHUNK_VALUES, type LeafPlace, type TraceModel, traceShape } from './traceShape.ts';

// What a worker answers to the challenge of a token (docs/proofs.md, Z-44 to Z-47).

const LEAF = new Uint8Array([0]);
const ELEMENT_BYTES = 32;
/** A Groth16 proof over BN254. */
const PROOF_BYTES = 256;
const MAX_OPERATORS = 1 << 12;
const MAX_COMMITMENTS = 1 << 20;
const MAX_OPENING_BYTES = 1 << 17;

/** Z-44: what a verifier must know of a model beside its keys. */
export const modelFactsCodec = struct({
  layers: u32,
  width: u32,
  queryWidth: u32,
  keyWidth: u32,
  hidden: u32,
  vocabulary: u32,
  variant: oneOf(['narrow', 'wide']),
  /** `development` are INSECURE DEVELOPMENT KEYS (Z-30): everybody can forge proofs under them. */
  keys: oneOf(['ceremony', 'development']),
  /** Positions that attention's circuit has room for. */
  attentionPositions: u32,
  /** Positions that have angles. */
  positions: u32,
  anglesRoot: hashCodec,
  embeddingsRoot: hashCodec,
});
export type ModelFacts = Decoded<typeof modelFactsCodec>;

/** Z-44: the last leaf under a model's keysRoot. Its length is another one than that of a key's leaf. */
export function modelFactsLeaf(
  domain: Domain,
  { modelId, facts }: { readonly modelId: ModelId; readonly facts: ModelFacts },
): SumNode {
  return { hash: hash(LEAF, domain, modelId, encode(modelFactsCodec, facts)), sums: [] };
}

/** Z-44: `H(0x00 || position u32 || commitment)` of the angles of a position. */
export function anglesLeaf(position: number, commitment: Uint8Array): SumNode {
  return { hash: hash(LEAF, u32le(position), commitment), sums: [] };
}

/** Z-44: `H(0x00 || token u32 || values)` of a token's embedding, values as i32. */
export function embeddingLeaf(token: number, row: Uint8Array): SumNode {
  return { hash: hash(LEAF, u32le(token), row), sums: [] };
}

export function anglesTree(commitments: readonly Uint8Array[]): SumTree {
  return sumTree(
    commitments.map((commitment, position) => anglesLeaf(position, commitment)),
    0,
  );
}

/** True for a model whose tensors are one chunk each, as every circuit has them (Z-45). */
export function isProvable({ width, queryWidth, keyWidth, hidden }: TraceModel): boolean {
  return Math.max(width, queryWidth, keyWidth, hidden) <= CHUNK_VALUES;
}

/** P-23: keys of a model that a registry has room for, its facts among them: those of 23 layers. */
export const MAX_MODEL_KEYS = 256;

/** Z-45: the tensors whose commitments an answer states, in order: those of the past that attention reads, then the position's own. */
export function challengedTensors(
  { layers }: Pick<TraceModel, 'layers'>,
  { position, promptTokens }: { readonly position: number; readonly promptTokens: number },
): readonly TensorPlace[] {
  const everyLayer = Array.from({ length: layers }, (_, layer) => layer);
  const until = Array.from({ length: position + 1 }, (_, at) => at);
  const past = everyLayer.flatMap((layer) =>
    (['k', 'v'] as const).flatMap((name) => until.map((at): TensorPlace => ({ name, layer, position: at }))),
  );
  const own = everyLayer.flatMap((layer) =>
    LAYER_OPERATORS.filter((name) => name !== 'k' && name !== 'v').map(
      (name): TensorPlace => ({ name, layer, position }),
    ),
  );
  return [
    ...past,
    { name: 'embedding', layer: undefined, position },
    ...own,
    ...(position >= promptTokens - 1 ? [{ name: 'finalNorm', layer: undefined, position } as const] : []),
  ];
}

/** An operator of a challenged token. */
export interface ChallengedOperator {
  /** In the order of Z-40. */
  readonly operator: number;
  readonly place: TensorPlace;
  /** False for those that an auditor's replay covers alone. */
  readonly isProven: boolean;
}

/** Z-48: the operators of a challenged token in order. Attention has a circuit up to the room it was made for, the head at temperature 0; behind prompt tokens but the last nothing is chosen. */
export function challengedOperators(
  { layers, attentionPositions }: Pick<ModelFacts, 'layers' | 'attentionPositions'>,
  token: { readonly position: number; readonly promptTokens: number; readonly temperatureMicro: number },
): readonly ChallengedOperator[] {
  const { position, promptTokens, temperatureMicro } = token;
  const isProven = ({ name }: TensorPlace): boolean =>
    name === 'attention' ? position < attentionPositions : name !== 'logits' || temperatureMicro === 0;
  return Array.from({ length: operatorCount(layers) }, (_, operator) => {
    const place = { ...operatorOf(operator, layers), position };
    return { operator, place, isProven: isProven(place) };
  }).filter(({ place }) => place.layer !== undefined || position >= promptTokens - 1);
}

/** Tensors that the trace has no leaf of are hidden as if they stood behind all that have one. */
const UNCOMMITTED = 2 ** 31;

/** Z-45: by which place a tensor's commitment is hidden, and whether the trace has a leaf of it. */
export function committedPlaces(
  model: TraceModel,
): (tensor: TensorPlace) => { readonly place: LeafPlace; readonly isLeaf: boolean } {
  const indices = (level: 'committed' | 'operators'): ReadonlyMap<string, number> =>
    new Map(traceShape(model, { level, promptTokens: 1 }).tensors.map((one, i) => [`${one.name} ${one.layer}`, i]));
  const leaves = indices('committed');
  const all = indices('operators');
  return ({ name, layer, position }) => {
    const leaf = leaves.get(`${name} ${layer}`);
    const tensor = leaf ?? UNCOMMITTED + (all.get(`${name} ${layer}`) ?? 0);
    return { place: { position, tensor, chunk: 0 }, isLeaf: leaf !== undefined };
  };
}

/** Z-46: the embedding of the challenged token; only who has the request reads it. */
const tokenOpeningCodec = struct({
  token: u32,
  /** Values as i32, little-endian. */
  row: byteString(4 * CHUNK_VALUES),
  path: sumPathCodec(0),
});
export type TokenOpening = Decoded<typeof tokenOpeningCodec>;

const OPENING = new TextEncoder().encode('karmesh:opening');

/** Z-46: bytes xor SHAKE256("karmesh:opening" || blinding || requestId || position u32); it is its own inverse. A request has one challenge, so no key is used twice. */
function masked(bytes: Uint8Array, { run, position }: { readonly run: CommittedRun; readonly position: number }) {
  const key = concatBytes(OPENING, run.blinding, run.requestId, u32le(position));
  const stream = shake256(key, { dkLen: bytes.length });
  return bytes.map((byte, i) => byte ^ (stream[i] ?? 0));
}

/** Z-46 */
export function hideOpening(
  opening: TokenOpening,
  hidden: { readonly run: CommittedRun; readonly position: number },
): Uint8Array {
  return masked(encode(tokenOpeningCodec, opening), hidden);
}

/** Z-46. Throws `CODEC` for bytes that are no opening under this request. */
export function showOpening(
  bytes: Uint8Array,
  hidden: { readonly run: CommittedRun; readonly position: number },
): TokenOpening {
  return decode(tokenOpeningCodec, masked(bytes, hidden));
}

/** Z-47: a worker's answer. It shows nothing of prompt and answer to who has not the request, but how long they are. */
export const challengeAnswerCodec = struct({
  position: u32,
  facts: modelFactsCodec,
  /** Under which keysRoot the facts and all keys stand. */
  keysRoot: hashCodec,
  factsPath: sumPathCodec(0),
  /** All leaves of the trace. */
  leaves: vector(hashCodec, MAX_COMMITMENTS),
  /** In the order of Z-45. */
  commitments: vector(fixedBytes(ELEMENT_BYTES), MAX_COMMITMENTS),
  angles: fixedBytes(ELEMENT_BYTES),
  anglesPath: sumPathCodec(0),
  opening: byteString(MAX_OPENING_BYTES),
  /** Sorted by operator. */
  proofs: vector(struct({ operator: u32, proof: fixedBytes(PROOF_BYTES) }), MAX_OPERATORS),
});
export type ChallengeAnswer = Decoded<typeof challengeAnswerCodec>;

/** Z-47: what a passing verdict on a challenge names, and what the answer is fetched by. */
export function challengeAnswerHash(bytes: Uint8Array): Hash {
  return hash(bytes);
}
