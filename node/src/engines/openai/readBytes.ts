import { KarmeshError } from '@karmesh/sdk/errors';

export interface BodyLimits {
  /** Of one answer's body. */
  readonly bytes: number;
  /** From the request to the end of the body. */
  readonly answerMs: number;
}

/** The bytes of an answer as they come, at most `limits.bytes`. Whoever stops reading ends the connection. Throws `ENGINE_FAILED`, `ABORTED`. */
export async function* readBytes(
  response: Response,
  options: { readonly limits: BodyLimits; readonly signal: AbortSignal; readonly server: string },
): AsyncGenerator<Uint8Array> {
  const { limits, signal, server } = options;
  if (response.body === null) return;
  let total = 0;
  try {
    for await (const piece of response.body) {
      total += piece.byteLength;
      if (total > limits.bytes)
        throw new KarmeshError('ENGINE_FAILED', 'The engine’s server answered with more than it was asked for.', {
          server,
          limitBytes: limits.bytes,
        });
      yield piece;
    }
  } catch (error) {
    if (error instanceof KarmeshError) throw error;
    throw stoppedOr(
      signal,
      new KarmeshError('ENGINE_FAILED', 'The engine’s server broke off in mid-answer.', { server }, error),
    );
  }
}

/** Why a read ended: the limit of time speaks for itself, the caller's signal is `ABORTED`, and everything else is the server's. */
export function stoppedOr(signal: AbortSignal, error: KarmeshError): KarmeshError {
  if (!signal.aborted) return error;
  const { reason } = signal;
  if (reason instanceof KarmeshError && reason.code === 'ENGINE_FAILED') return reason;
  return new KarmeshError('ABORTED', 'The run was stopped.', {}, reason);
}
