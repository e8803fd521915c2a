import { KarmeshError } from '@karmesh/sdk/errors';
import { type ModelThread, threadClient, whenLoaded } from '../thread/threadClient.ts';
import type { FromThread, ToThread } from '../thread/threadMessages.ts';
import type { PageSettings } from './pageSettings.ts';

/** Starts a worker of the page, fetches the model in it, and waits until it is loaded. Throws what loading throws, `ABORTED` by the signal. */
export async function pageThread(
  settings: PageSettings,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ModelThread> {
  const worker = new Worker(new URL('./exactWorker.ts', import.meta.url), { type: 'module' });
  const closed = Promise.withResolvers<void>();
  const send = (message: ToThread): void => worker.postMessage(message);
  const client = threadClient({ send });
  worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
    client.take(data);
    if (data.kind === 'closed') closed.resolve();
  };
  worker.onerror = ({ message }) => {
    client.fail(new KarmeshError('ENGINE_FAILED', 'The exact engine’s worker broke.', { what: message }));
    closed.resolve();
  };
  worker.postMessage(settings);
  const loaded = await whenLoaded(client, { signal, end: () => worker.terminate() });
  return {
    ...loaded,
    start: client.start,
    async [Symbol.asyncDispose]() {
      send({ kind: 'close' });
      await closed.promise;
      worker.terminate();
    },
  };
}
