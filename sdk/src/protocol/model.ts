import { type Decoded, encode, struct, text, u32, u64 } from './codec.ts';
import { hash, hashCodec } from './hash.ts';
import type { ModelId } from './ids.ts';

/**
 * F-12: what a model is, for everybody alike. Sizes: parameters are counts of weights; `activeParameters` are those that one token
 * passes through (karma and price follow them); `contextLength` counts tokens. Hashes are SHA-256 of the file, of the
 * tokenizer's data and of the chat template.
 */
export const modelManifestCodec = struct({
  name: text(128),
  fileHash: hashCodec,
  fileBytes: u64,
  architecture: text(64),
  quantisation: text(32),
  tokenizerHash: hashCodec,
  templateHash: hashCodec,
  totalParameters: u64,
  activeParameters: u64,
  contextLength: u32,
  vocabulary: u32,
  licence: text(128),
});
export type ModelManifest = Decoded<typeof modelManifestCodec>;

const TAG = new TextEncoder().encode('karmesh:model');

/** F-12: `modelId = H("karmesh:model" || manifest)`. It is the same on every cluster. */
export function modelIdOf(manifest: ModelManifest): ModelId {
  return hash(TAG, encode(modelManifestCodec, manifest));
}
