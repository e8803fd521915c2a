import { beginKey, layerConstraints, type Shape, type Weights } from '@karmesh/circuits';
import { KarmeshError } from '@karmesh/sdk/errors';
import { fromHex, traceShape } from '@karmesh/sdk/protocol';
import type { Output } from '@karmesh/sdk/runtime';
import { openExactModel } from '../engines/exact/file/exactModel.ts';
import { exactModelFile } from '../engines/exact/file/exactModelFile.ts';
import { openModelFile } from '../engines/exact/file/modelFiles.ts';
import { operatorCircuits } from '../engines/exact/proofs/operatorCircuits.ts';
import { traceModelOf } from '../engines/exact/trace/traceModel.ts';
import { BUNDLED_MODEL_PATH } from '../models/bundled.ts';
import type { CeremonyLayerConfig } from './config.ts';
import { conversionProgress } from './conversionProgress.ts';
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
  const { powers, powersHash, circuitCache } = config;
  if (powers === undefined || powersHash === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'A key begins with powers of tau.', {
      '--powers': powers ?? 'is required',
      '--powers-hash': powersHash ?? 'is required',
    });
  const { shape, weights } = await layerOf(config, { talk, signal });
  const onCompile = (name: string): void => talk.talk(`Compiling ${name} …`);
  const { name, count, pieces } = await layerConstraints({ shape, weights, folder: circuitCache, onCompile });
  talk.talk('Beginning the key by snarkjs …');
  const powersOfTau = { path: powers, hash: fromHex(powersHash) };
  const circuitHash = await beginKey({ constraints: pieces(), powersOfTau, path });
  return { circuit: name, constraints: count, circuitHash };
}

async function layerOf(
  config: CeremonyLayerConfig,
  { talk, signal }: { readonly talk: Output; readonly signal: AbortSignal },
): Promise<{ readonly shape: Shape; readonly weights?: Weights | undefined }> {
  const { layer, operator, model, modelCache, variant, positions } = config;
  if ((layer === undefined) === (operator === undefined))
    throw new KarmeshError('CONFIG_INVALID', 'A ceremony is for one layer: an operator of a model, or a file.', {
      '--operator': operator ?? 'is missing',
      '--layer': layer ?? 'is missing',
    });
  if (layer !== undefined) return readLayerFile(layer);
  const { path } = await exactModelFile(
    model ?? BUNDLED_MODEL_PATH,
    { cacheFolder: modelCache, variant },
    { signal, onProgress: conversionProgress(talk) },
  ).finally(() => talk.progress(''));
  await using source = await openModelFile(path);
  const exact = await openExactModel(source);
  // Z-40: the order in which operators run, without the embedding.
  const { tensors } = traceShape(traceModelOf(exact), { level: 'operators', promptTokens: 1 });
  const operators = tensors.filter(({ name }) => name !== 'embedding');
  const place = operators[operator ?? 0];
  if (place === undefined)
    throw new KarmeshError('CONFIG_INVALID', 'The model has no such operator.', {
      '--operator': `${operator} of ${operators.length}`,
    });
  // Weights are read before the file is closed.
  return await (await operatorCircuits(exact)).of(place, { positions });
}
