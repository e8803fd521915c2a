import { Worker } from 'node:worker_threads';
import { KarmeshError } from '@karmesh/sdk/errors';
import { type ModelThread, threadClient, whenLoaded } from './threadClient.ts';
import type { FromThread, ThreadSettings, ToThread } from './threadMessages.ts';

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
  const loaded = await whenLoaded(client, { signal, end: () => thread.terminate() });
  return {
    ...loaded,
    start: client.start,
    async [Symbol.asyncDispose]() {
      send({ kind: 'close' });
      await exited;
    },
  };
}
