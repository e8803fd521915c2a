import type { TensorCommitter } from '@karmesh/circuits';
import type { ModelKeys } from '../../../models/modelKeys.ts';
import { openExactModel } from '../file/exactModel.ts';
import type { ExactModelFile } from '../file/exactModelFile.ts';
import { openModelFile } from '../file/modelFiles.ts';
import { type AdmitLayersOptions, type AdmittedLayers, admitLayers, readCeremonyKeys } from './admitLayers.ts';
import { checkProvable } from './checkProvable.ts';
import { keyLayers } from './keyLayers.ts';
import { type ModelFactsOptions, modelFacts } from './modelFacts.ts';

export interface AdmitModelKeysOptions extends Omit<AdmitLayersOptions, 'files'>, Omit<ModelFactsOptions, 'keys'> {
  /** A folder with .zkey files of ceremonies, under whatever names. */
  readonly provingKeys: string;
  readonly model: Pick<ExactModelFile, 'path' | 'modelId'>;
  /** Where compiled circuits are kept. */
  readonly circuitsFolder: string;
}

/**
 * Z-35: puts together the keys file of a model out of a folder of keys of ceremonies, all of which have to be admitted. Throws what `readCeremonyKeys` and `admitLayers` throw, `MODEL_INVALID`, and what circuits
 * throw.
 */
export async function admitModelKeys(
  options: AdmitModelKeysOptions,
  parts: { readonly commit: TensorCommitter } & Parameters<typeof admitLayers>[2],
): Promise<{ readonly keys: ModelKeys; readonly passedOver: AdmittedLayers['passedOver'] }> {
  const { model: file, provingKeys, circuitsFolder, attentionPositions, positions } = options;
  const files = await readCeremonyKeys(provingKeys);
  await using source = await openModelFile(file.path);
  const model = await openExactModel(source);
  const { facts } = await modelFacts(model, { attentionPositions, positions, keys: 'ceremony' }, parts);
  checkProvable(facts);
  const layers = await keyLayers(model, { positions: attentionPositions, folder: circuitsFolder });
  const { keys, passedOver } = await admitLayers(layers, { ...options, files }, parts);
  return { keys: { modelId: file.modelId, facts, developmentSeed: undefined, keys }, passedOver };
}
