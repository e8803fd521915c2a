import { once } from 'node:events';
import { runHostileWorker } from './hostileWorker.ts';

// Takes every dispatch and never says a word.
await runHostileWorker({
  infer: async (stream) => {
    if (!stream.signal.aborted) await once(stream.signal, 'abort');
  },
});
