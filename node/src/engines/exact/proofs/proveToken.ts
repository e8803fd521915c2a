import {
  compileShape,
  elementOf,
  type LayerKey,
  type ProveLayerOptions,
  type Prover,
  proveLayer,
  type TensorCommitter,
} from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type CommittedRun,
  challengeAnswerCodec,
  challengedOperators,
  challengedTensors,
  committedPlaces,
  encode,
  type Hash,
  hideOpening,
  type ProofPlace,
  proofContext,
  type SumPath,
  type TensorPlace,
  tensorBlinding,
  tensorKey,
  traceShape,
} from '@karmesh/sdk/protocol';
import type { ExactModel } from '../file/exactModel.ts';
import { traceModelOf } from '../trace/traceModel.ts';
import { operatorKey } from './makeModelKeys.ts';
import { type ModelFactsOptions, modelFacts } from './modelFacts.ts';
import { operatorCircuits } from './operatorCircuits.ts';
import { type PreparedOperator, type ProvableRun, prepareOperator } from './prepareOperator.ts';
import type { ProvingKeys } from './provingKeys.ts';

/** A token that is challenged, and all that its proofs are made of. */
export interface ProvingJob extends ModelFactsOptions {
  /** A converted model. */
  readonly modelPath: string;
  /** Where compiled circuits are kept, and development keys. */
  readonly keysFolder: string;
  readonly provingKeys: ProvingKeys;
  readonly domain: Hash;
  readonly place: Omit<ProofPlace, 'operator'>;
  readonly keysRoot: Hash;
  readonly factsPath: SumPath;
  readonly run: CommittedRun;
  readonly promptTokens: number;
  readonly temperatureMicro: number;
  /** At the position, and the one chosen behind it if one was. */
  readonly token: number;
  readonly chosen: number | undefined;
  /** All leaf hashes of the committed trace. */
  readonly leaves: readonly Hash[];
  /** Values of the challenged tensors, in the order of Z-45. */
  readonly tensors: readonly Int32Array[];
}

/** Proofs that were made before, so that a process that was killed does not make them again. */
export interface KeptProofs {
  get(operator: number): Promise<Uint8Array | undefined>;
  put(operator: number, proof: Uint8Array): Promise<void>;
}

/** Proves all operators of a token that have a circuit, and gives the worker's answer (Z-47). Throws what `setupLayer` and `proveLayer` throw. */
export async function proveToken(
  job: ProvingJob,
  parts: {
    readonly model: ExactModel;
    readonly commit: TensorCommitter;
    readonly prover: Prover;
    readonly kept: KeptProofs;
    /** Keys that are at hand; others are found by their circuit and weights, or made. */
    readonly keyAt?: (operator: number) => LayerKey | undefined;
  },
): Promise<Uint8Array> {
  const { model, commit, prover, kept } = parts;
  const { domain, place, run, promptTokens, attentionPositions, keysFolder, provingKeys, keysRoot } = job;
  const { position } = place;
  const traceModel = traceModelOf(model);
  const known = await modelFacts(model, job, { commit });
  const circuits = await operatorCircuits(model);
  const placeOf = committedPlaces(traceModel);
  const tensors = challengedTensors(traceModel, { position, promptTokens });
  const values = new Map(tensors.map((tensor, i) => [tensorKey(tensor), job.tensors[i]]));
  const opened: ProvableRun = {
    tensor(tensor) {
      const found = values.get(tensorKey(tensor));
      if (found === undefined)
        throw new KarmeshError('BAD_ARGUMENT', 'A tensor of the challenged token is missing.', { tensor: tensor.name });
      return found;
    },
    blinding: (tensor) => elementOf(tensorBlinding(run, placeOf(tensor).place)),
    chosen: () => job.chosen ?? 0,
  };
  const bitsOf = new Map(
    traceShape(traceModel, { level: 'operators', promptTokens }).tensors.map((tensor) => [
      `${tensor.name} ${tensor.layer ?? ''}`,
      tensor.bits,
    ]),
  );
  const commitments = tensors.map((tensor) =>
    commit({
      values: opened.tensor(tensor),
      bits: bitsOf.get(`${tensor.name} ${tensor.layer ?? ''}`) ?? 0,
      blinding: tensorBlinding(run, placeOf(tensor).place),
    }),
  );
  const committed = new Map(tensors.map((tensor, i) => [tensorKey(tensor), commitments[i]]));
  const provable: ProvableRun = { ...opened, commitment: (tensor) => committed.get(tensorKey(tensor)) };
  const proofs: { readonly operator: number; readonly proof: Uint8Array }[] = [];
  for (const { operator, place: at, isProven } of challengedOperators(known.facts, {
    position,
    promptTokens,
    temperatureMicro: job.temperatureMicro,
  })) {
    if (!isProven) continue;
    const before = await kept.get(operator);
    const proof = before ?? (await prove(operator, at));
    if (before === undefined) await kept.put(operator, proof);
    proofs.push({ operator, proof });
  }

  async function prove(operator: number, at: TensorPlace): Promise<Uint8Array> {
    const context = proofContext(domain, { ...place, operator });
    const prepared = await prepareOperator(
      provable,
      { place: at, context, positions: attentionPositions },
      { circuits, commit, traceModel },
    );
    const key = parts.keyAt?.(operator) ?? (await keyOf(operator, at, prepared));
    return proveLayer({ key, inputs: prepared.inputs, signals: prepared.signals }, { prover });
  }

  async function keyOf(
    operator: number,
    { name, layer }: TensorPlace,
    { circuit }: PreparedOperator,
  ): Promise<ProveLayerOptions['key']> {
    if (provingKeys.kind === 'ceremony') {
      const { witness } = await compileShape(circuit, keysFolder);
      return { zkey: provingKeys.zkeys[operator] ?? '', witnessProgram: witness };
    }
    const { seed } = provingKeys;
    return operatorKey(circuits, { name, layer, positions: attentionPositions, folder: keysFolder, seed });
  }

  const opening = hideOpening(
    { token: job.token, row: known.embeddings.row(job.token), path: known.embeddings.tree.path(job.token) },
    { run, position },
  );
  return encode(challengeAnswerCodec, {
    position,
    facts: known.facts,
    keysRoot,
    factsPath: job.factsPath,
    leaves: job.leaves,
    commitments,
    angles: known.angles.commitment(position),
    anglesPath: known.angles.tree.path(position),
    opening,
    proofs,
  });
}
