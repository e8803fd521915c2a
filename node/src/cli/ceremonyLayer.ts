import { beginKey, layerConstraints, type Shape, type Weights } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { operatorCount, operatorOf } from '@karmesh/sdk/protocol';
import type { Output } from '@karmesh/sdk/runtime';
import { type ExactModel, openExactModel } from '../engines/exact/file/exactModel.ts';
import { exactModelFile } from '../engines/exact/file/exactModelFile.ts';
import { openModelFile } from '../engines/exact/file/modelFiles.ts';
import { operatorCircuits } from '../engines/exact/proofs/operatorCircuits.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import type { CeremonyLayerConfig, CeremonyModelConfig } from './config.ts';
import { conversionProgress } from './conversionProgress.ts';
import { pinnedPowersOf } from './pinnedPowersOf.ts';
import { readLayerFile } from './readLayerFile.ts';

/** The circuit that the key began with, and how many constraints it has, weights included. */
export interface BegunLayer {
  readonly circuit: string;
  readonly constraints: number;
  /** snarkjs' hash of the beginning, 64 bytes (Z-33). */
  readonly circuitHash: Uint8Array;
}

/**
 * Begins the key of the layer that settings name at `path`: everybody comes to the same bytes. Throws `CONFIG_INVALID` if settings are missing, `MODEL_INVALID`, `CEREMONY_REFUSED`, and
 * what circuits throw.
 */
export async function beginLayer(
  config: CeremonyLayerConfig,
  { path, talk, signal }: { readonly path: string; readonly talk: Output; readonly signal: AbortSignal },
): Promise<BegunLayer> {
  const powersOfTau = pinnedPowersOf(config);
  const { shape, weights } = await layerOf(config, { talk, signal });
  const onCompile = (name: string): void => talk.talk(`Compiling ${name} …`);
  const { name, count, pieces } = await layerConstraints({ shape, weights, folder: config.circuitCache, onCompile });
  talk.talk('Beginning the key by snarkjs …');
  const circuitHash = await beginKey({ constraints: pieces(), powersOfTau, path });
  return { circuit: name, constraints: count, circuitHash };
}

async function layerOf(
  config: CeremonyLayerConfig,
  { talk, signal }: { readonly talk: Output; readonly signal: AbortSignal },
): Promise<{ readonly shape: Shape; readonly weights?: Weights | undefined }> {
  const { layer, operator, positions } = config;
  if ((layer === undefined) === (operator === undefined))
    throw new KarmeshError('CONFIG_INVALID', 'A ceremony is for one layer: an operator of a model, or a file.', {
      '--operator': operator ?? 'is missing',
      '--layer': layer ?? 'is missing',
    });
  if (layer !== undefined) return readLayerFile(layer);
  const number = operator ?? 0;
  await using source = await ceremonyModel(config, { talk, signal });
  const { layers } = source.model.layout.shape;
  if (number >= operatorCount(layers))
    throw new KarmeshError('CONFIG_INVALID', 'The model has no such operator.', {
      '--operator': `${number} of ${operatorCount(layers)}`,
    });
  // Weights are read before the file is closed.
  return await (await operatorCircuits(source.model)).of(operatorOf(number, layers), { positions });
}

/** Opens the model that settings name, converted if that was not done. The caller disposes it. Throws `MODEL_INVALID`. */
export async function ceremonyModel(
  { model: gguf, modelCache }: CeremonyModelConfig,
  { talk, signal }: { readonly talk: Output; readonly signal: AbortSignal },
): Promise<{ readonly model: ExactModel } & AsyncDisposable> {
  const { path } = await exactModelFile(
    gguf ?? BUNDLED_MODEL_PATH,
    { cacheFolder: modelCache },
    { signal, onProgress: conversionProgress(talk) },
  ).finally(() => talk.progress(''));
  await using stack = new AsyncDisposableStack();
  const model = await openExactModel(stack.use(await openModelFile(path)));
  const opened = stack.move();
  return { model, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
