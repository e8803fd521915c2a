import { type ModelId, type ModelManifest, modelIdOf } from '@karmesh/sdk/protocol';
import { layoutOf } from '../file/exactFile.ts';
import type { ExactVariant } from '../file/exactShape.ts';
import type { ModelFormats } from '../file/layerFormats.ts';
import { convertWeights } from './convertWeights.ts';
import { exactManifest } from './exactManifest.ts';
import { type ConversionCall, hashOfBytes, type ModelSource, type ModelTarget, type Sha256 } from './modelBytes.ts';
import type { ConversionPlan } from './planConversion.ts';

export interface ConvertedModel {
  /** */
  readonly manifest: ModelManifest;
  readonly modelId: ModelId;
  readonly variant: ExactVariant;
  readonly formats: ModelFormats;
}

/**
 * Converts a model by docs/exact-arithmetic.md and hashes what was written. The target is empty before and whole behind; if this throws, what it
 * holds is nothing. Memory does not grow with the model: about a million weights are held at a time. Throws `MODEL_INVALID`, `ABORTED` and what source and
 * target throw.
 */
export async function convertModel(
  options: { readonly plan: ConversionPlan; readonly source: ModelSource; readonly target: ModelTarget },
  { sha256, ...call }: { readonly sha256: Sha256 } & ConversionCall,
): Promise<ConvertedModel> {
  const { plan, target } = options;
  const formats = await convertWeights(options, call);
  const bytes = layoutOf(plan.model.shape).fileBytes;
  const written = { bytes, read: target.read.bind(target) };
  const fileHash = await hashOfBytes(written, { sha256, step: 'check', ...call });
  const manifest = exactManifest(plan.manifest, { variant: plan.variant, fileHash, fileBytes: BigInt(bytes) });
  return { manifest, modelId: modelIdOf(manifest), variant: plan.variant, formats };
}
