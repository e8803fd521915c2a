import { KarmeshError } from '@karmesh/sdk/errors';
import type { Hash, ModelId, ModelManifest } from '@karmesh/sdk/protocol';
import { modelIdOf } from '@karmesh/sdk/protocol';
import { readModel } from '../../../models/readModel.ts';
import { convertWeights } from '../convert/convertWeights.ts';
import { type ConversionCall, hashOfBytes, type ModelSource } from '../convert/modelBytes.ts';
import { planConversion } from '../convert/planConversion.ts';
import { checkConverted } from './checkConverted.ts';
import { EXACT_HEADER_BYTES, layoutOf, readExactHeader, startsAsExact } from './exactFile.ts';
import type { ExactShape, ExactVariant } from './exactShape.ts';
import type { ModelFormats } from './layerFormats.ts';
import { nodeSha256, openModelFile } from './modelFiles.ts';

/** A model as exact arithmetic runs it. */
export interface ExactFacts {
  readonly variant: ExactVariant;
  readonly shape: ExactShape;
  /** */
  readonly formats: ModelFormats;
  readonly fileBytes: number;
  /** Memory that keys and values of one position take, in bytes. */
  readonly bytesPerPosition: number;
}

/** What a model file is. */
export type ModelInspection =
  | {
      readonly kind: 'gguf';
      readonly manifest: ModelManifest;
      readonly modelId: ModelId;
      readonly exact:
        | (ExactFacts & {
            readonly kind: 'possible';
            /** fraction bits that the coarsest norm would keep in the narrow variant. */
            readonly narrowBits: number;
          })
        /** Why it cannot be converted. */
        | { readonly kind: 'refused'; readonly sentence: string; readonly facts: KarmeshError['facts'] };
    }
  | {
      readonly kind: 'exact';
      readonly fileHash: Hash;
      /** Of the GGUF file that was converted. */
      readonly sourceHash: Hash;
      readonly exact: ExactFacts;
    };

/**
 * Reads a whole GGUF file, or a converted one, and says what exact arithmetic makes of it. Nothing is written. Throws `MODEL_INVALID` on a file that is neither,
 * `ABORTED`.
 */
export async function inspectModel(
  path: string,
  { variant, ...call }: { readonly variant?: 'wide' | undefined } & ConversionCall = {},
): Promise<ModelInspection> {
  await using source = await openModelFile(path);
  const head = new Uint8Array(Math.min(EXACT_HEADER_BYTES, source.bytes));
  await source.read(0, head);
  if (startsAsExact(head)) return await inspectConverted(source, { head, call });
  try {
    const plan = await planConversion({ source, variant }, { sha256: nodeSha256, ...call });
    const { manifest } = plan;
    const formats = await convertWeights({ plan, source, target: { write: async () => {} } }, call);
    const facts = factsOf({ variant: plan.variant, shape: plan.model.shape, formats });
    return {
      kind: 'gguf',
      manifest,
      modelId: modelIdOf(manifest),
      exact: { kind: 'possible', ...facts, narrowBits: plan.narrowBits },
    };
  } catch (error) {
    if (!(error instanceof KarmeshError && error.code === 'MODEL_INVALID')) throw error;
    // A file that is no model at all is refused here too, and then for good.
    const { manifest, modelId } = await readModel(path, call.signal === undefined ? {} : { signal: call.signal });
    return { kind: 'gguf', manifest, modelId, exact: { kind: 'refused', sentence: error.message, facts: error.facts } };
  }
}

async function inspectConverted(
  source: ModelSource,
  { head, call }: { readonly head: Uint8Array; readonly call: ConversionCall },
): Promise<ModelInspection> {
  const header = readExactHeader(head, source.bytes);
  const formats = await checkConverted(source, header);
  const fileHash = await hashOfBytes(source, { sha256: nodeSha256, step: 'hash', ...call });
  const facts = factsOf({ variant: header.variant, shape: header.shape, formats });
  return { kind: 'exact', fileHash, sourceHash: header.sourceHash, exact: facts };
}

function factsOf({ variant, shape, formats }: Pick<ExactFacts, 'variant' | 'shape' | 'formats'>): ExactFacts {
  const valueBytes = variant === 'narrow' ? 2 : 4;
  const { layers, keyHeads, headSize } = shape;
  const bytesPerPosition = 2 * layers * keyHeads * headSize * valueBytes;
  return { variant, shape, formats, fileBytes: layoutOf(shape).fileBytes, bytesPerPosition };
}
