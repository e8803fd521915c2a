import type { TensorCommitter } from '@karmesh/circuits';
import { anglesTree, embeddingLeaf, type ModelFacts, type SumTree, sumTree } from '@karmesh/sdk/protocol';
import { embeddingRows } from '../dispute/replayOperator.ts';
import type { ExactModel } from '../file/exactModel.ts';
import { traceModelOf } from '../trace/traceModel.ts';
import { operatorCircuits } from './operatorCircuits.ts';

/** Z-44: a model's facts and the trees under them. */
export interface ProvableModel {
  readonly facts: ModelFacts;
  readonly angles: { readonly commitment: (position: number) => Uint8Array; readonly tree: SumTree };
  readonly embeddings: { readonly row: (token: number) => Uint8Array; readonly tree: SumTree };
}

export interface ModelFactsOptions {
  /** Positions that attention's circuit has room for. */
  readonly attentionPositions: number;
  /** Positions whose angles are attested: no answer is longer. */
  readonly positions: number;
  /** Where the keys come from; `development` unless told. */
  readonly keys?: ModelFacts['keys'];
}

const ANGLE_BITS = 16;
const NO_BLINDING = new Uint8Array(32);

/** Computes what validators attest of a model beside its keys. Throws `MODEL_INVALID`. */
export async function modelFacts(
  model: ExactModel,
  { attentionPositions, positions, keys = 'development' }: ModelFactsOptions,
  { commit }: { readonly commit: TensorCommitter },
): Promise<ProvableModel> {
  const traceModel = traceModelOf(model);
  const circuits = await operatorCircuits(model);
  const values = await embeddingRows(model);
  const row = (token: number): Uint8Array => new Uint8Array(values(token).buffer);
  const commitments = Array.from({ length: positions }, (_, position) =>
    commit({ values: circuits.angles(position), bits: ANGLE_BITS, blinding: NO_BLINDING }),
  );
  const angles = anglesTree(commitments);
  const embeddings = sumTree(
    Array.from({ length: traceModel.vocabulary }, (_, token) => embeddingLeaf(token, row(token))),
    0,
  );
  const roots = { anglesRoot: angles.root.hash, embeddingsRoot: embeddings.root.hash };
  return {
    facts: { ...traceModel, keys, attentionPositions, positions, ...roots },
    angles: { commitment: (position) => commitments[position] ?? NO_BLINDING, tree: angles },
    embeddings: { row, tree: embeddings },
  };
}
