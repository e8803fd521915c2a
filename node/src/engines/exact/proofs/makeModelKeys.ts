import { circuitOf, type LayerKey, type SetupLayerOptions, setupLayer, type TensorCommitter } from '@karmesh/circuits';
import { operatorCount, operatorOf } from '@karmesh/sdk/protocol';
import type { ModelKeys } from '../../../models/modelKeys.ts';
import { openExactModel } from '../file/exactModel.ts';
import type { ExactModelFile } from '../file/exactModelFile.ts';
import { openModelFile } from '../file/modelFiles.ts';
import { checkProvable } from './checkProvable.ts';
import { type ModelFactsOptions, modelFacts } from './modelFacts.ts';
import { type OperatorCircuits, operatorCircuits } from './operatorCircuits.ts';

export interface MakeModelKeysOptions extends ModelFactsOptions {
  readonly model: Pick<ExactModelFile, 'path' | 'modelId'>;
  /** Where circuits and keys are kept. */
  readonly folder: string;
  /** 32 public bytes that development keys come from. */
  readonly seed: Uint8Array;
}

/**
 * Makes INSECURE DEVELOPMENT KEYS for all operators of a model (Z-30, Z-31), the same bytes everywhere, unless they are in the folder. It takes seconds to
 * minutes for each. Throws `MODEL_INVALID` for a model whose tensors are too wide for circuits, and what `setupLayer` throws.
 */
export async function makeModelKeys(
  { model: file, folder, seed, ...sizes }: MakeModelKeysOptions,
  {
    commit,
    onKey,
  }: {
    readonly commit: TensorCommitter;
    readonly onKey?: (key: LayerKey, place: { readonly operator: number; readonly operators: number }) => void;
  },
): Promise<ModelKeys> {
  await using source = await openModelFile(file.path);
  const model = await openExactModel(source);
  const { facts } = await modelFacts(model, sizes, { commit });
  checkProvable(facts);
  const circuits = await operatorCircuits(model);
  const operators = operatorCount(facts.layers);
  const keys: ModelKeys['keys'][number][] = [];
  for (let operator = 0; operator < operators; operator++) {
    const place = operatorOf(operator, facts.layers);
    const key = await operatorKey(circuits, { ...place, positions: sizes.attentionPositions, folder, seed });
    onKey?.(key, { operator, operators });
    const contextIndex = circuitOf(key.shape).signals.indexOf('context');
    keys.push({ keyId: key.keyId, verifyingKey: key.verifyingKey, contextIndex });
  }
  return { modelId: file.modelId, facts, developmentSeed: seed, keys };
}

/** The key of one operator, made if it is not there. */
export async function operatorKey(
  circuits: OperatorCircuits,
  {
    positions,
    folder,
    seed,
    ...place
  }: Parameters<OperatorCircuits['of']>[0] &
    Pick<SetupLayerOptions, 'folder' | 'seed'> & { readonly positions: number },
): Promise<LayerKey> {
  const { shape, weights } = await circuits.of(place, { positions });
  return setupLayer({ shape, weights, folder, seed });
}
