import { readFile, stat } from 'node:fs/promises';
import { KarmeshError } from '@karmesh/sdk/errors';
import { fromHex, type ModelManifest, modelIdOf } from '@karmesh/sdk/protocol';
import { z } from 'zod';
import type { MarketModel } from './market.ts';

const MAX_FILE_BYTES = 65_536;
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((hex) => fromHex(hex));
const count = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);
const u32 = z
  .int()
  .min(1)
  .max(2 ** 32 - 1);

/** F-12 as JSON, as `toJson` writes it: hashes in hexadecimal, 64-bit numbers as decimal strings. */
const schema = z.strictObject({
  name: z.string().min(1).max(128),
  fileHash: hash,
  fileBytes: count,
  architecture: z.string().max(64),
  quantisation: z.string().max(32),
  tokenizerHash: hash,
  templateHash: hash,
  totalParameters: count,
  activeParameters: count,
  contextLength: u32,
  vocabulary: u32,
  licence: z.string().max(128),
});

/**
 * Reads a model's manifest. The gateway sells what it describes without having the model.
 *
 * @throws KarmeshError `MODEL_INVALID`.
 */
export async function readManifest(path: string): Promise<MarketModel> {
  let text: string;
  try {
    const { size } = await stat(path);
    text = size > MAX_FILE_BYTES ? '' : await readFile(path, 'utf8');
  } catch (cause) {
    throw new KarmeshError('MODEL_INVALID', 'The manifest of a model cannot be read.', { path }, cause);
  }
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new KarmeshError('MODEL_INVALID', 'The manifest of a model is not valid.', {
      path,
      faults: z.prettifyError(parsed.error),
    });
  }
  const manifest: ModelManifest = parsed.data;
  return { manifest, modelId: modelIdOf(manifest) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
