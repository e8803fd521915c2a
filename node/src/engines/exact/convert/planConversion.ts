import type { Hash, ModelManifest } from '@karmesh/sdk/protocol';
import { GGUF_LIMITS, type GgufTensor, parseGguf } from '../../../models/gguf.ts';
import { manifestOf } from '../../../models/manifestOf.ts';
import type { ExactVariant } from '../file/exactShape.ts';
import { normFormat } from './layerFormatsOf.ts';
import { type ConversionCall, hashOfBytes, type ModelSource, type Sha256 } from './modelBytes.ts';
import { type NormWeights, normWeights } from './normWeights.ts';
import { readFloats } from './readFloats.ts';
import { ropeFrequencies } from './ropeFrequencies.ts';
import { type SourceModel, sourceModelOf } from './sourceModel.ts';

/** Everything about a conversion that is known before any matrix is read. */
export interface ConversionPlan {
  readonly model: SourceModel;
  /** Of the GGUF file. */
  readonly manifest: ModelManifest;
  readonly variant: ExactVariant;
  /** the fraction bits that the coarsest norm output would keep in the narrow variant. */
  readonly narrowBits: number;
  readonly norms: {
    readonly layers: readonly { readonly attention: NormWeights; readonly hidden: NormWeights }[];
    readonly final: NormWeights;
  };
  /** */
  readonly frequencies: BigUint64Array;
}

/** `narrow` needs so many fraction bits in every norm's output. */
export const NARROW_BITS = 10;

/**
 * Reads a GGUF file's header and norms, hashes the file, and chooses the variant: `narrow` where X-02 allows it, unless `wide` is asked for. Throws
 * `MODEL_INVALID` for what the header already shows to be impossible, before the file is hashed, and `ABORTED`.
 */
export async function planConversion(
  options: { readonly source: ModelSource; readonly variant?: 'wide' | undefined },
  { sha256, ...call }: { readonly sha256: Sha256 } & ConversionCall,
): Promise<ConversionPlan> {
  const { source } = options;
  const head = new Uint8Array(Math.min(source.bytes, GGUF_LIMITS.headerBytes));
  await source.read(0, head);
  const gguf = parseGguf(head, source.bytes);
  const model = sourceModelOf(gguf);
  const values = async (tensor: GgufTensor): Promise<Float64Array> => {
    const bytes = new Uint8Array(Number(tensor.bytes));
    await source.read(Number(tensor.offset), bytes);
    return readFloats(tensor, bytes);
  };
  const norm = async (tensor: GgufTensor): Promise<NormWeights> => normWeights(tensor.name, await values(tensor));
  const layers: { attention: NormWeights; hidden: NormWeights }[] = [];
  for (const { attentionNorm, hiddenNorm } of model.layers)
    layers.push({ attention: await norm(attentionNorm), hidden: await norm(hiddenNorm) });
  const final = await norm(model.finalNorm);
  const { divisors, ...rope } = model.rope;
  const frequencies = ropeFrequencies({
    ...rope,
    headSize: model.shape.headSize,
    divisors: divisors === undefined ? undefined : [...(await values(divisors))],
  });
  const exponents = [final, ...layers.flatMap(({ attention, hidden }) => [attention, hidden])].map(
    ({ exponent }) => exponent,
  );
  const narrowBits = normFormat('narrow', Math.max(...exponents));
  const fileHash: Hash = await hashOfBytes(source, { sha256, step: 'hash', ...call });
  return {
    model,
    manifest: manifestOf(gguf, { fileHash, fileBytes: BigInt(source.bytes) }),
    variant: options.variant ?? (narrowBits >= NARROW_BITS ? 'narrow' : 'wide'),
    narrowBits,
    norms: { layers, final },
    frequencies,
  };
}
