import { tensorCommitter } from '@karmesh/circuits/commitment';
import type { ProofTools } from '@karmesh/sdk/client';

/**
 * What rechecks proofs in this browser, loaded when there are some. A proof takes tens of milliseconds, on a telephone hundreds, and in a
 * page that nobody looks at timers come once a second, so that proofs are checked in a thread of their own. It ends with `signal`. Throws
 * a `TypeError` if this page's own kernel cannot be fetched; a check throws an `Error` if the thread fails.
 */
export async function openProofTools({ signal }: { readonly signal: AbortSignal }): Promise<ProofTools> {
  const response = await fetch(new URL('../../../../circuits/wasm/kernel.wasm', import.meta.url), { signal });
  const commit = await tensorCommitter(await response.arrayBuffer());
  signal.throwIfAborted();
  const worker = new Worker(new URL('./proofWorker.ts', import.meta.url), { type: 'module' });
  const ended = new Promise<never>((_, reject) => {
    // A script that could not be loaded has no message.
    worker.addEventListener('error', ({ message = 'it could not be loaded.' }: Partial<ErrorEvent>) =>
      reject(new Error(`The thread that checks proofs failed: ${message}`)),
    );
    signal.addEventListener('abort', () => {
      worker.terminate();
      reject(signal.reason);
    });
  });
  // Whichever check is under way says so; without one nobody need know.
  ended.catch(() => {});
  return { commit, verify: (statement) => Promise.race([ended, verdictOf(worker, statement)]) };
}

/** One statement at a time: a verdict does not say of which it is. */
function verdictOf(worker: Worker, statement: Parameters<ProofTools['verify']>[0]): Promise<boolean> {
  return new Promise((resolve) => {
    worker.addEventListener('message', ({ data }: MessageEvent<boolean>) => resolve(data), { once: true });
    worker.postMessage(statement);
  });
}
