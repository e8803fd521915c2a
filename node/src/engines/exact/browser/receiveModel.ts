import { KarmeshError } from '@karmesh/sdk/errors';
import { equalBytes, type Hash, hasher, type ModelManifest, toHex } from '@karmesh/sdk/protocol';

/** What a manifest says of a converted model's file. */
export type ExpectedFile = Pick<ModelManifest, 'fileHash' | 'fileBytes'>;

export interface ReceiveCall {
  /** Bytes of a piece; a MiB unless told. */
  readonly pieceBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** A whole file, cut into pieces of one size, the last one shorter. */
export type ModelPieces = readonly Uint8Array<ArrayBuffer>[];

/** Large enough that a model has few of them, small enough that some can be held besides it. */
const PIECE_BYTES = 1 << 20;

/**
 * Takes a converted model as it comes and keeps it once, in pieces. Nothing is given out before all of it has the manifest's hash. Throws `MODEL_INVALID` if it has
 * another hash or size, `ABORTED` by the signal, and what the chunks throw.
 */
export async function receiveModel(
  chunks: AsyncIterable<Uint8Array>,
  { fileHash, fileBytes }: ExpectedFile,
  { pieceBytes = PIECE_BYTES, signal, onProgress }: ReceiveCall = {},
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
    append(pieces, { chunk, done, total, pieceBytes });
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
  options: { readonly chunk: Uint8Array; readonly done: number; readonly total: number; readonly pieceBytes: number },
): void {
  const { chunk, done, total, pieceBytes } = options;
  for (let from = 0; from < chunk.length; ) {
    const at = done + from;
    const within = at % pieceBytes;
    if (within === 0) pieces.push(new Uint8Array(Math.min(pieceBytes, total - at)));
    const part = chunk.subarray(from, from + pieceBytes - within);
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
