import { AUDIT_RULES } from './audit.ts';
import { equalBytes, joinBytes } from './bytes.ts';
import {
  anglesLeaf,
  type ChallengeAnswer,
  challengeAnswerCodec,
  challengedOperators,
  challengedTensors,
  committedPlaces,
  embeddingLeaf,
  isProvable,
  modelFactsLeaf,
  showOpening,
} from './challenge.ts';
import { decode } from './codec.ts';
import { type Hash, hash } from './hash.ts';
import type { Domain } from './header.ts';
import type { ModelId } from './ids.ts';
import { checkSumPath, type SumNode, type SumPath } from './merkle.ts';
import { keyCountOf, operatorInputs, type TensorPlace, tensorKey } from './operatorGraph.ts';
import { challengedPosition, proofContext } from './proofs.ts';
import { type CommittedRun, committedLeaf, tensorBlinding } from './tensorCommitments.ts';
import { traceShape } from './traceShape.ts';
import { traceRootOf, traceTree } from './traceTree.ts';

/** What is being checked: an answer of which receipt, and what who checks it knows of the receipt. */
export interface ChallengeFacts {
  readonly domain: Domain;
  /** The epoch in whose set the entry stands, and its beacon. */
  readonly epoch: bigint;
  readonly beacon: Hash;
  readonly entryHash: Hash;
  readonly modelId: ModelId;
  readonly run: CommittedRun;
  readonly temperatureMicro: number;
  readonly promptTokens: number;
  readonly outputTokens: readonly number[];
  readonly traceRoot: Hash;
  /** What the prompt's tokens are, for who has the model's tokenizer; else they are taken as opened. */
  readonly prompt?: readonly number[];
}

/** The hash of commitments, which a page or a program brings (Z-01, Z-03). */
export interface Committer {
  (tensor: { readonly values: Int32Array; readonly bits: number; readonly blinding: Uint8Array }): Uint8Array;
  list(elements: readonly Uint8Array[]): Uint8Array;
}

export interface ChallengeParts {
  readonly commit: Committer;
  /** How many leaves the attested tree of this root has, undefined if no such root of the model is admitted. */
  readonly keyCount: (keysRoot: Hash) => number | undefined;
  /** The verifying key of an operator under a root; undefined if it is not known. */
  readonly verifyingKey: (keysRoot: Hash, operator: number) => Uint8Array | undefined;
  readonly verify: (statement: {
    readonly verifyingKey: Uint8Array;
    readonly signals: readonly bigint[];
    readonly proof: Uint8Array;
  }) => boolean | Promise<boolean>;
  /** Told before the first proof is checked and after each that holds. */
  readonly onProof?: (progress: ProofProgress) => void;
}

/** How many of an answer's proofs are checked. */
export interface ProofProgress {
  readonly checked: number;
  readonly of: number;
}

/** A statement that was proven. */
export interface ProvenStatement {
  readonly operator: number;
  readonly signals: readonly bigint[];
  readonly proof: Uint8Array;
}

export type ChallengeVerdict =
  | {
      readonly verdict: 'accept';
      readonly position: number;
      readonly keysRoot: Hash;
      readonly proven: readonly ProvenStatement[];
      /** Operators without a proof: those for which the circuit has no room, and the logits above temperature 0. A replay has to cover them. */
      readonly unproven: readonly number[];
    }
  | {
      readonly verdict: 'reject';
      /** By number, as a verdict names it (U-03). */
      readonly rule: number;
      readonly what: string;
    };

class Refused extends Error {
  readonly rule: number;
  constructor(rule: number, what: string) {
    super(what);
    this.rule = rule;
  }
}

/** Z-48: whether a worker's answer shows that the challenged token was computed by the model that was paid for. It takes whatever bytes. */
export async function checkChallenge(
  facts: ChallengeFacts,
  bytes: Uint8Array,
  parts: ChallengeParts,
): Promise<ChallengeVerdict> {
  try {
    return await judge(facts, readAnswer(bytes), parts);
  } catch (error) {
    if (error instanceof Refused) return { verdict: 'reject', rule: error.rule, what: error.message };
    throw error;
  }
}

const { challengeMissing, challengeMalformed, challengeTrace, challengeAnchor, challengeProof, challengeKeys } =
  AUDIT_RULES;

function readAnswer(bytes: Uint8Array): ChallengeAnswer {
  if (bytes.length === 0) throw new Refused(challengeMissing, 'The worker proved nothing.');
  try {
    return decode(challengeAnswerCodec, bytes);
  } catch {
    throw new Refused(challengeMalformed, 'The answer does not read.');
  }
}

async function judge(
  facts: ChallengeFacts,
  answer: ChallengeAnswer,
  parts: ChallengeParts,
): Promise<ChallengeVerdict & { readonly verdict: 'accept' }> {
  const { beacon, entryHash, promptTokens, outputTokens } = facts;
  const { position, keysRoot } = answer;
  const positions = promptTokens + outputTokens.length - 1;
  // Without a prompt or an answer nothing was computed that one could draw from.
  if (promptTokens < 1 || outputTokens.length < 1)
    throw new Refused(challengeTrace, 'The receipt is of a run without a position.');
  // Z-42
  if (position !== challengedPosition({ beacon, entryHash, positions }))
    throw new Refused(challengeMalformed, 'The answer is of another position than the beacon drew.');
  checkKeys(facts, answer, parts);
  const commitments = checkTrace(facts, answer);
  checkAnchors(facts, { answer, commitments, commit: parts.commit });
  const proven: ProvenStatement[] = [];
  const unproven: number[] = [];
  const proofs = new Map(answer.proofs.map(({ operator, proof }) => [operator, proof]));
  const isSorted = answer.proofs.every(
    ({ operator }, i) => i === 0 || operator > (answer.proofs[i - 1]?.operator ?? 0),
  );
  if (!isSorted) throw new Refused(challengeMalformed, 'Proofs stand once each, in the order of their operators.');
  const token = { position, promptTokens, temperatureMicro: facts.temperatureMicro };
  const due = challengedOperators(answer.facts, token);
  const of = due.filter(({ isProven }) => isProven).length;
  parts.onProof?.({ checked: 0, of });
  for (const { operator, place, isProven } of due) {
    if (!isProven) {
      unproven.push(operator);
      continue;
    }
    const proof = proofs.get(operator);
    const verifyingKey = parts.verifyingKey(keysRoot, operator);
    if (verifyingKey === undefined) throw new Refused(challengeKeys, `The key of operator ${operator} is not known.`);
    if (proof === undefined) throw new Refused(challengeProof, `Operator ${operator}, ${place.name}, is not proven.`);
    proofs.delete(operator);
    const signals = statement(facts, { answer, place, operator, commitments, commit: parts.commit });
    if (!(await parts.verify({ verifyingKey, signals, proof })))
      throw new Refused(challengeProof, `The proof of operator ${operator}, ${place.name}, does not hold.`);
    proven.push({ operator, signals, proof });
    parts.onProof?.({ checked: proven.length, of });
  }
  if (proofs.size > 0) throw new Refused(challengeMalformed, 'The answer proves operators that were not asked for.');
  return { verdict: 'accept', position, keysRoot, proven, unproven };
}

/** Z-40, Z-44: the facts stand under a root that validators attested for this model. */
function checkKeys(
  { domain, modelId }: ChallengeFacts,
  { facts, factsPath, keysRoot }: ChallengeAnswer,
  { keyCount }: ChallengeParts,
): void {
  const count = keyCount(keysRoot);
  if (count === undefined) throw new Refused(challengeKeys, 'The keys are not those of this model.');
  const leaf = modelFactsLeaf(domain, { modelId, facts });
  if (
    count !== keyCountOf(facts) ||
    !reaches(leaf, { index: count - 1, count, path: factsPath, root: keysRoot }) ||
    !isProvable(facts)
  )
    throw new Refused(challengeKeys, 'The facts are not those of this model.');
}

/** Z-45: the leaves are the receipt's, and every commitment to a tensor that has a leaf is its leaf's. Commitments by the name of their tensor. */
function checkTrace(facts: ChallengeFacts, answer: ChallengeAnswer): ReadonlyMap<string, Uint8Array> {
  const { run, promptTokens, outputTokens, traceRoot } = facts;
  const { leaves, position } = answer;
  const shape = traceShape(answer.facts, { level: 'committed', promptTokens });
  const positions = promptTokens + outputTokens.length - 1;
  const count = shape.leaves(positions);
  if (leaves.length !== count) throw new Refused(challengeTrace, 'The trace has another number of leaves.');
  const { root } = traceTree(hash, joinBytes(leaves), count);
  if (!equalBytes(traceRootOf(hash, { level: 'committed', promptTokens, positions, root }), traceRoot))
    throw new Refused(challengeTrace, 'The leaves are not those of the receipt’s trace.');
  const tensors = challengedTensors(answer.facts, { position, promptTokens });
  if (answer.commitments.length !== tensors.length)
    throw new Refused(challengeMalformed, 'The answer has another number of commitments.');
  const placeOf = committedPlaces(answer.facts);
  const commitments = new Map<string, Uint8Array>();
  for (const [i, tensor] of tensors.entries()) {
    const commitment = answer.commitments[i] ?? new Uint8Array(ELEMENT_BYTES);
    const { place, isLeaf } = placeOf(tensor);
    const leaf = committedLeaf({ requestId: run.requestId, place, commitment });
    if (isLeaf && !equalBytes(leaf, leaves[shape.indexOf(place)] ?? leaf.subarray(1)))
      throw new Refused(challengeTrace, `The trace does not have this commitment to ${tensor.name}.`);
    // Z-21: its residue would be another commitment's, and a list of it (Z-03) has no hash.
    if (element(commitment) >= FIELD_ORDER)
      throw new Refused(challengeMalformed, `The commitment to ${tensor.name} is no field element.`);
    commitments.set(tensorKey(tensor), commitment);
  }
  return commitments;
}

const ELEMENT_BYTES = 32;
/** Of BN254's scalars (docs/proofs.md). */
const FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const EMBEDDING_BITS = 32;

/** Z-46: the embedding is the model's row of the token that stands there, and the angles are the model's of this position. */
function checkAnchors(
  facts: ChallengeFacts,
  known: {
    readonly answer: ChallengeAnswer;
    readonly commitments: ReadonlyMap<string, Uint8Array>;
    readonly commit: Committer;
  },
): void {
  const { run, promptTokens, outputTokens, prompt } = facts;
  const { answer, commitments, commit } = known;
  const { position } = answer;
  const { width, vocabulary, embeddingsRoot, anglesRoot } = answer.facts;
  const anchor = (holds: boolean, what: string): void => {
    if (!holds) throw new Refused(challengeAnchor, what);
  };
  const angles = anglesLeaf(position, answer.angles);
  const anglesPlace = { index: position, count: answer.facts.positions, path: answer.anglesPath, root: anglesRoot };
  anchor(reaches(angles, anglesPlace), 'The angles are not those of this position.');
  let opening: ReturnType<typeof showOpening>;
  try {
    opening = showOpening(answer.opening, { run, position });
  } catch {
    throw new Refused(challengeAnchor, 'The embedding is not opened under the request.');
  }
  const { token, row, path } = opening;
  const expected = position < promptTokens ? (prompt?.[position] ?? token) : outputTokens[position - promptTokens];
  anchor(token === expected, 'The embedding is that of another token.');
  const place = { index: token, count: vocabulary, path, root: embeddingsRoot };
  anchor(row.length === 4 * width && reaches(embeddingLeaf(token, row), place), 'The embedding is not the model’s.');
  const view = new DataView(row.buffer, row.byteOffset, row.length);
  const values = Int32Array.from({ length: width }, (_, i) => view.getInt32(4 * i, true));
  const embedding: TensorPlace = { name: 'embedding', layer: undefined, position };
  const blinding = tensorBlinding(run, committedPlaces(answer.facts)(embedding).place);
  const commitment = commit({ values, bits: EMBEDDING_BITS, blinding });
  anchor(
    equalBytes(commitment, commitments.get(tensorKey(embedding)) ?? new Uint8Array()),
    'The trace begins with another embedding.',
  );
}

/** Z-21, Z-12: the signals of an operator's statement, from what is known to be of this answer. */
function statement(
  facts: ChallengeFacts,
  known: {
    readonly answer: ChallengeAnswer;
    readonly place: TensorPlace;
    readonly operator: number;
    readonly commitments: ReadonlyMap<string, Uint8Array>;
    readonly commit: Committer;
  },
): readonly bigint[] {
  const { domain, epoch, entryHash, modelId, promptTokens, outputTokens } = facts;
  const { answer, place, operator, commitments, commit } = known;
  const { name, position } = place;
  const { layers, attentionPositions } = answer.facts;
  const of = (tensor: TensorPlace): Uint8Array => commitments.get(tensorKey(tensor)) ?? new Uint8Array(ELEMENT_BYTES);
  const context = proofContext(domain, { epoch, entryHash, modelId, position, operator });
  const read = operatorInputs(place, layers);
  if (name === 'attention') {
    const list = (input: 'k' | 'v'): Uint8Array => {
      const past = read.filter((one) => one.name === input).map(of);
      const empty = Array.from({ length: attentionPositions - past.length }, () => new Uint8Array(ELEMENT_BYTES));
      return commit.list([...past, ...empty]);
    };
    const [q] = read;
    const inputs = [q === undefined ? new Uint8Array(ELEMENT_BYTES) : of(q), list('k'), list('v'), of(place)];
    return [...inputs.map(element), context, BigInt(position + 1)];
  }
  const inputs = read.map((tensor) => element(of(tensor)));
  if (name === 'logits') return [...inputs, context, BigInt(outputTokens[position + 1 - promptTokens] ?? 0)];
  const angles = name === 'q' || name === 'k' ? [element(answer.angles)] : [];
  return [...inputs, element(of(place)), ...angles, context];
}

function reaches(
  leaf: SumNode,
  { root, ...place }: { readonly index: number; readonly count: number; readonly path: SumPath; readonly root: Hash },
): boolean {
  return checkSumPath({ leaf, ...place, root: { hash: root, sums: [] } });
}

/** A field element out of its 32 bytes, little-endian (docs/proofs.md). */
function element(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);
}
