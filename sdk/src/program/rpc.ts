import type { Connection } from '@solana/web3.js';
import { KarmeshError } from '../errors.ts';

/** How long one request to an RPC node may take, in milliseconds. */
const REQUEST_TIMEOUT_MS = 20_000;

/**
 * Runs one request of web3.js, which takes no signal of its own. Errors name the node by its origin alone, since a path may hold a key. Throws `ABORTED` when the signal fires first, and what
 * `rpcError` says when the node fails or does not answer.
 */
export async function rpcRequest<T>(
  connection: Pick<Connection, 'rpcEndpoint'>,
  method: string,
  options: { readonly signal: AbortSignal; readonly timeoutMs?: number },
  request: () => Promise<T>,
): Promise<T> {
  const { origin: node } = new URL(connection.rpcEndpoint);
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  const deadline = AbortSignal.timeout(timeoutMs);
  const both = AbortSignal.any([options.signal, deadline]);
  return await new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      reject(
        options.signal.aborted
          ? new KarmeshError(
              'ABORTED',
              'A request to the RPC node was aborted.',
              { method, node },
              options.signal.reason,
            )
          : new KarmeshError('RPC_UNREACHABLE', 'The RPC node did not answer in time.', { method, node, timeoutMs }),
      );
    };
    if (both.aborted) {
      onAbort();
      return;
    }
    both.addEventListener('abort', onAbort, { once: true });
    request()
      .then(resolve, (cause: unknown) => reject(rpcError({ method, node }, cause)))
      .finally(() => both.removeEventListener('abort', onAbort));
  });
}

/** `RPC_UNREACHABLE` if nothing answered, `RPC_FAILED` if the node answered with an error. */
function rpcError(asked: { readonly method: string; readonly node: string }, cause: unknown): KarmeshError {
  if (cause instanceof KarmeshError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  // web3.js gives failed connections as fetch's TypeError and everything that the node said as other errors.
  if (cause instanceof TypeError || /fetch failed|ECONNREFUSED|ECONNRESET|socket hang up|50[234]/.test(message)) {
    return new KarmeshError('RPC_UNREACHABLE', 'The RPC node could not be reached.', asked, cause);
  }
  return new KarmeshError('RPC_FAILED', 'The RPC node refused a request.', { ...asked, message }, cause);
}

/** Waits `ms`, or throws `ABORTED` when the signal fires first. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): KarmeshError =>
      new KarmeshError('ABORTED', 'Waiting for the cluster was aborted.', {}, signal.reason);
    if (signal.aborted) {
      reject(aborted());
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
