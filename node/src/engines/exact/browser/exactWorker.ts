import { hash } from '@karmesh/sdk/protocol';
import { errorToParts } from '../thread/errorParts.ts';
import { type ThreadHost, threadHost } from '../thread/threadHost.ts';
import type { FromThread, ToThread } from '../thread/threadMessages.ts';
import { loadPageStages } from './loadPageStages.ts';
import type { PageSettings } from './pageSettings.ts';

/** The worker that runs a model in a page, as exactThread.ts does on Node. Its first message are its settings. */
const send = (message: FromThread): void => globalThis.postMessage(message);

globalThis.onmessage = ({ data }: MessageEvent<PageSettings>): void => {
  serve(data).catch((error: unknown) => send({ kind: 'failed', error: errorToParts(error) }));
};

async function serve(settings: PageSettings): Promise<void> {
  const { loaded, kernels } = await loadPageStages(settings);
  const host = threadHost(settings, { loaded, kernels, sha256: hash, send });
  const work = workingTurns(host);
  globalThis.onmessage = async ({ data }: MessageEvent<ToThread>): Promise<void> => {
    host.handle(data);
    if (!host.isClosing()) return work();
    await loaded[Symbol.asyncDispose]();
    send({ kind: 'closed' });
  };
}

/** Computes step by step while there is something to do, and lets messages come in between: a worker cannot look for them itself. */
function workingTurns(host: ThreadHost): () => void {
  const { port1, port2 } = new MessageChannel();
  let isWorking = false;
  port1.onmessage = () => {
    isWorking = host.step();
    if (isWorking) port2.postMessage(undefined);
  };
  return () => {
    if (!isWorking) port2.postMessage(undefined);
    isWorking = true;
  };
}
