import type { Hash, ModelManifest } from '@karmesh/sdk/protocol';
import { EXACT_VERSION } from '../file/exactFile.ts';
import type { ExactVariant } from '../file/exactShape.ts';

/** the manifest of a converted model, from that of the GGUF file and from the converted file. */
export function exactManifest(
  source: ModelManifest,
  converted: { readonly variant: ExactVariant; readonly fileHash: Hash; readonly fileBytes: bigint },
): ModelManifest {
  const { variant, fileHash, fileBytes } = converted;
  return {
    ...source,
    name: `${source.name}-exact`,
    fileHash,
    fileBytes,
    quantisation: `exact-${EXACT_VERSION} ${variant}`,
  };
}
