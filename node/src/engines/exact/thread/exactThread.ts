import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { openTensorCommitter } from '@karmesh/circuits/commitment/open';
import { loadStages } from '../stages/loadStages.ts';
import { nodeHash } from '../trace/nodeHash.ts';
import { errorToParts } from './errorParts.ts';
import { threadHost } from './threadHost.ts';
import type { FromThread, ThreadSettings, ToThread } from './threadMessages.ts';

/** The thread that runs a model, so that the network's thread never waits for arithmetic. */
const port = parentPort as MessagePort;
const settings = workerData as ThreadSettings;
const send = (message: FromThread): void => port.postMessage(message);

try {
  const loaded = await loadStages(settings);
  const kernels = settings.threads > 1 ? 'threads' : settings.kernels;
  const commit = await openTensorCommitter();
  const host = threadHost(settings, { loaded, kernels, sha256: nodeHash, commit, send });

  const work = (): void => {
    do {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
        host.handle(next.message);
    } while (host.step());
    if (!host.isClosing()) return;
    void loaded[Symbol.asyncDispose]().then(() => {
      send({ kind: 'closed' });
      port.close();
    });
  };
  port.on('message', (message: ToThread) => {
    host.handle(message);
    work();
  });
} catch (error) {
  send({ kind: 'failed', error: errorToParts(error) });
}
