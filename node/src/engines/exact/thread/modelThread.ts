import { Worker } from 'node:worker_threads';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type ModelThread, threadClient } from './threadClient.ts';
import type { FromThread, ThreadReady, ThreadSettings, ToThread } from './threadMessages.ts';

/** Starts the thread and waits until the model is loaded. Throws what loading throws, `ABORTED` by the signal. */
export async function modelThread(
  settings: ThreadSettings,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ModelThread> {
  const thread = new Worker(new URL('./exactThread.ts', import.meta.url), { workerData: settings });
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  const send = (message: ToThread): void => thread.postMessage(message);
  const client = threadClient({ send });
  thread.on('error', (cause) =>
    client.fail(new KarmeshError('ENGINE_FAILED', 'The exact engine’s thread broke.', {}, cause)),
  );
  thread.on('exit', () => client.fail(new KarmeshError('ENGINE_FAILED', 'The exact engine has been closed.')));
  thread.on('message', (message: FromThread) => client.take(message));
  const abort = (): void => client.fail(new KarmeshError('ABORTED', 'Loading the model was stopped.'));
  signal?.addEventListener('abort', abort, { once: true });
  let loaded: ThreadReady;
  try {
    loaded = await client.ready;
  } catch (error) {
    await thread.terminate();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  const { memoryBytes, traceModel, kernels } = loaded;
  return {
    memoryBytes,
    traceModel,
    kernels,
    start: client.start,
    async [Symbol.asyncDispose]() {
      send({ kind: 'close' });
      await exited;
    },
  };
}
