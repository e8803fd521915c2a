import { KarmeshError } from '@karmesh/sdk/errors';
import { equalBytes, type Hash, hasher, type ModelManifest, toHex } from '@karmesh/sdk/protocol';

/** What a manifest says of a converted model's file. */
export type ExpectedFile = Pick<ModelManifest, 'fileHash' | 'fileBytes'>;

export interface ReceiveCall {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** A whole file, cut into pieces of `PIECE_BYTES`, the last one shorter. */
export type ModelPieces = readonly Uint8Array<ArrayBuffer>[];

/** Large enough that a model has few of them, small enough to be held besides it. */
export const PIECE_BYTES = 4 << 20;

/**
 * Takes a converted model as it comes and keeps it once, in pieces. Nothing is given out before all of it has the manifest's hash. Throws `MODEL_INVALID` if it has
 * another hash or size, `ABORTED` by the signal, and what the chunks throw.
 */
export async function receiveModel(
  chunks: AsyncIterable<Uint8Array>,
  { fileHash, fileBytes }: ExpectedFile,
  { signal, onProgress }: ReceiveCall = {},
): Promise<ModelPieces> {
  const total = Number(fileBytes);
  const digest = hasher();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let done = 0;
  for await (const chunk of chunks) {
    if (signal?.aborted) throw new KarmeshError('ABORTED', 'Reading the model was stopped.', {}, signal.reason);
    if (done + chunk.length > total)
      throw new KarmeshError('MODEL_INVALID', 'The model is longer than its manifest says.', { expected: total });
    digest.update(chunk);
    append(pieces, { chunk, done, total });
    done += chunk.length;
    onProgress?.({ done, total });
  }
  if (done < total)
    throw new KarmeshError('MODEL_INVALID', 'The model ended before its last byte.', { bytes: done, expected: total });
  checkHash(digest.digest(), fileHash);
  return pieces;
}

function append(
  pieces: Uint8Array<ArrayBuffer>[],
  { chunk, done, total }: { readonly chunk: Uint8Array; readonly done: number; readonly total: number },
): void {
  for (let from = 0; from < chunk.length; ) {
    const at = done + from;
    const within = at % PIECE_BYTES;
    if (within === 0) pieces.push(new Uint8Array(Math.min(PIECE_BYTES, total - at)));
    const part = chunk.subarray(from, from + PIECE_BYTES - within);
    pieces.at(-1)?.set(part, within);
    from += part.length;
  }
}

function checkHash(found: Hash, expected: Hash): void {
  if (!equalBytes(found, expected))
    throw new KarmeshError('MODEL_INVALID', 'The model has another hash than its manifest.', {
      hash: toHex(found),
      expected: toHex(expected),
    });
}
