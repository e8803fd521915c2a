import { KarmeshError } from '@karmesh/sdk/errors';

/** Why a signal was aborted, as an error of ours. */
export function abortError(signal: AbortSignal): KarmeshError {
  const reason: unknown = signal.reason;
  return reason instanceof KarmeshError
    ? reason
    : new KarmeshError('ABORTED', 'The request was cancelled.', {}, reason);
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal);
}
