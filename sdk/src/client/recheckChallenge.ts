import type { LayerAccount, ModelKeysAccount, ProvenAccount } from '../program/accounts.ts';
import { NONE } from '../program/accounts.ts';
import type { Address } from '../program/address.ts';
import type { ProgramAddresses } from '../program/addresses.ts';
import {
  agreeingReceipts,
  type Bundle,
  type BundleCheck,
  type ChallengeAnswer,
  type ChallengeParts,
  challengeAnswerCodec,
  checkChallenge,
  type Domain,
  decode,
  entryHashOf,
  equalBytes,
  type Hash,
  isRecorded,
  keyCountOf,
  MAX_MODEL_KEYS,
  operatorTitle,
  type ProofProgress,
  requestIdOf,
} from '../protocol/index.ts';

type WithSignal = { readonly signal: AbortSignal };

/** What a recheck of proofs needs beside the chain; in a page they come as a part of its own. */
export type ProofTools = Pick<ChallengeParts, 'commit' | 'verify'>;

/** The part of the program's client that a recheck of proofs needs. */
export interface ChallengeReader {
  readonly addresses: Pick<ProgramAddresses, 'modelKeys'>;
  modelKeys(
    keys: { readonly modelId: Uint8Array; readonly keysRoot: Uint8Array; readonly keyCount: number },
    options: WithSignal,
  ): Promise<ModelKeysAccount | undefined>;
  layer(modelKeys: Address, operator: number, options: WithSignal): Promise<LayerAccount | undefined>;
  provenOf(entryHash: Uint8Array, keyCount: number, options: WithSignal): Promise<readonly ProvenAccount[]>;
}

/** What was proven of an answer's challenged token. */
export interface BundleProof {
  readonly position: number;
  readonly proven: number;
  /** Operators that a replay covers, by name and layer: those for which the circuit has no room, and logits above temperature 0. */
  readonly unproven: readonly string[];
  /** Statements that the chain has checked itself and keeps. */
  readonly recorded: number;
  /** INSECURE DEVELOPMENT KEYS: everybody can forge proofs under them. */
  readonly isInsecure: boolean;
}

/** B-09: checks the proofs of a bundle with the keys that the chain has. */
export async function recheckChallenge(
  reader: ChallengeReader,
  options: {
    readonly bundle: Bundle & { readonly challenge: Uint8Array };
    readonly domain: Domain;
    /** Of the set's epoch. */
    readonly beacon: Hash;
    readonly tools: ProofTools;
    /** Whether the cluster is one for development. */
    readonly isLocal: boolean;
    readonly onProof?: (progress: ProofProgress) => void;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly checks: readonly BundleCheck[]; readonly proof?: BundleProof }> {
  const { bundle, domain, beacon, tools, isLocal, onProof, signal } = options;
  const { entry, request, tokens, set, challenge } = bundle;
  const checks: BundleCheck[] = [];
  const check = (rule: string, what: string, holds: boolean, facts: BundleCheck['facts'] = {}): void => {
    checks.push({ rule, what, holds, facts: holds ? {} : facts });
  };
  const answer = read(challenge);
  // Of those that agree: a worker with the same answer and another trace is not among them.
  const [revealed] = agreeingReceipts(entry);
  if (answer === undefined || revealed === undefined || set === undefined) {
    check('Z-47', 'the proofs of a token can be read', false);
    return { checks };
  }
  const { facts, keysRoot } = answer;
  const { modelId } = request;
  const keyCount = keyCountOf(facts);
  const keys =
    keyCount > MAX_MODEL_KEYS ? undefined : await reader.modelKeys({ modelId, keysRoot, keyCount }, { signal });
  const isAdmitted = keys !== undefined && keys.admittedEpoch !== NONE;
  check('Z-40', 'two thirds of the stake attested the model’s keys', isAdmitted);
  const isInsecure = facts.keys === 'development';
  check('Z-32', 'the keys are of a ceremony, or the cluster is a local one', !isInsecure || isLocal);
  if (!isAdmitted) return { checks };
  // Whoever wrote the bundle chose what it names, and each costs a request.
  const operators = new Set(answer.proofs.map(({ operator }) => operator).filter((operator) => operator < keyCount));
  const layers = await Promise.all([...operators].map((operator) => reader.layer(keys.address, operator, { signal })));
  const verifyingKeys = new Map(layers.flatMap((layer) => (layer === undefined ? [] : [[layer.operator, layer.key]])));
  const entryHash = entryHashOf(entry);
  const verdict = await checkChallenge(
    {
      domain,
      epoch: set.manifest.epoch,
      beacon,
      entryHash,
      modelId,
      run: { requestId: requestIdOf(domain, request), blinding: request.blinding },
      temperatureMicro: request.temperatureMicro,
      promptTokens: revealed.receipt.value.promptTokens,
      outputTokens: tokens,
      traceRoot: revealed.body.traceRoot,
    },
    challenge,
    {
      ...tools,
      ...(onProof === undefined ? {} : { onProof }),
      keyCount: (root) => (equalBytes(root, keysRoot) ? keyCount : undefined),
      verifyingKey: (_, operator) => verifyingKeys.get(operator),
    },
  );
  const failed = verdict.verdict === 'reject' ? { rule: verdict.rule, why: verdict.what } : {};
  check('Z-48', 'the token that the beacon drew was computed by the model', verdict.verdict === 'accept', failed);
  if (verdict.verdict === 'reject') return { checks };
  const { position, proven, unproven } = verdict;
  const records = (await reader.provenOf(entryHash, keyCount, { signal })).filter(
    (record) =>
      equalBytes(record.modelKeys, keys.address) && record.epoch === set.manifest.epoch && record.position === position,
  );
  return {
    checks,
    proof: {
      position,
      proven: proven.length,
      unproven: unproven.map((operator) => operatorTitle(operator, facts.layers)),
      recorded: proven.filter((one) => records.some(({ statements }) => isRecorded(statements, one))).length,
      isInsecure,
    },
  };
}

/** What was proven, in the words of `karmesh receipt verify` and the page. */
export function proofSentence({ position, proven, recorded }: BundleProof): string {
  return `Token ${position} was drawn: ${proven} operators are proven, and the chain has a record that it checked ${recorded} of these proofs itself.`;
}

function read(bytes: Uint8Array): ChallengeAnswer | undefined {
  try {
    return decode(challengeAnswerCodec, bytes);
  } catch {
    return undefined;
  }
}
