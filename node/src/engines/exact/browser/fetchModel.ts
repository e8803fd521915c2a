import { KarmeshError } from '@karmesh/sdk/errors';
import { type ExpectedFile, type ModelPieces, type ReceiveCall, receiveModel } from './receiveModel.ts';

/**
 * Fetches a converted model and checks its hash, see `receiveModel`. Throws `PEER_UNREACHABLE` if the address does not answer or the connection breaks, and what
 * `receiveModel` throws.
 */
export async function fetchModel(
  url: string,
  expected: ExpectedFile,
  { fetch, ...call }: ReceiveCall & { readonly fetch: typeof globalThis.fetch },
): Promise<ModelPieces> {
  const unreachable = (cause?: unknown, status?: number): KarmeshError =>
    call.signal?.aborted
      ? new KarmeshError('ABORTED', 'Reading the model was stopped.', {}, call.signal.reason)
      : new KarmeshError('PEER_UNREACHABLE', 'The model could not be fetched.', { url, status }, cause);
  const response = await fetch(url, call.signal === undefined ? {} : { signal: call.signal }).catch(
    (cause: unknown) => {
      throw unreachable(cause);
    },
  );
  const { body, ok, status } = response;
  if (!ok || body === null) {
    await body?.cancel();
    throw unreachable(undefined, status);
  }
  return await receiveModel(chunksOf(body, unreachable), expected, call);
}

/** Not every browser iterates over streams. */
async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  unreachable: (cause: unknown) => KarmeshError,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((cause: unknown) => {
        throw unreachable(cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Whoever stops reading wants nothing more of it; a stream that broke has nothing to cancel.
    await reader.cancel().catch(() => undefined);
  }
}
