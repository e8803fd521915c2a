import { KarmeshError } from '@karmesh/sdk/errors';
import type { Hash } from '@karmesh/sdk/protocol';

/** The bytes of a model file, wherever it lies. */
export interface ModelSource {
  /** Size of the whole file. */
  readonly bytes: number;
  /** Fills `into` with the bytes from `offset` on. Rejects if there are not as many. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** An empty file to write, in any order; what is never written reads as zeros. */
export interface ModelTarget {
  write(offset: number, bytes: Uint8Array): Promise<void>;
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** SHA-256 of bytes that come piece by piece. */
export type Sha256 = () => { update(bytes: Uint8Array): unknown; digest(): Uint8Array };

/** How far a conversion has come: bytes of the file that is read or checked. */
export interface ConversionProgress {
  readonly step: 'hash' | 'convert' | 'check';
  readonly done: number;
  readonly total: number;
}

export interface ConversionCall {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ConversionProgress) => void) | undefined;
}

/** Throws `ABORTED` once the signal says so. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new KarmeshError('ABORTED', 'Reading the model was stopped.', {}, signal.reason);
}

/** Bytes that are read at once where only a hash is wanted. */
const CHUNK = 4 << 20;

/** SHA-256 of a whole file. Throws `ABORTED` by the signal. */
export async function hashOfBytes(
  file: Pick<ModelSource, 'bytes' | 'read'>,
  options: { readonly sha256: Sha256; readonly step: ConversionProgress['step'] } & ConversionCall,
): Promise<Hash> {
  const digest = options.sha256();
  const chunk = new Uint8Array(Math.min(CHUNK, file.bytes));
  for (let offset = 0; offset < file.bytes; ) {
    refuseAborted(options.signal);
    const part = chunk.subarray(0, Math.min(chunk.length, file.bytes - offset));
    await file.read(offset, part);
    digest.update(part);
    offset += part.length;
    options.onProgress?.({ step: options.step, done: offset, total: file.bytes });
  }
  return new Uint8Array(digest.digest());
}
