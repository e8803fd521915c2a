import { fromHex } from '@karmesh/sdk/protocol';
import { pageThread } from '../../../../node/src/engines/exact/browser/pageThread.ts';
import { errorToParts } from '../../../../node/src/engines/exact/thread/errorParts.ts';
import { answerOfThread, bitRequests, sameBits } from '../sameBits.ts';
import type { PagePlace } from './pagePlace.ts';

// The page that a test opens: it calls the one function here, and all that goes in and out is JSON.

async function run({
  modelUrl,
  fileHash,
  fileBytes,
  counts,
  threads,
  sequences,
  abortAfterMs,
}: PagePlace): Promise<object> {
  const settings = {
    modelUrl,
    expected: { fileHash: fromHex(fileHash), fileBytes: BigInt(fileBytes) },
    threads,
    sequences,
    contextSize: 128,
    batch: 32,
    endTokens: [],
  };
  const thread = await pageThread(
    settings,
    abortAfterMs === undefined ? {} : { signal: AbortSignal.timeout(abortAfterMs) },
  );
  const requests = bitRequests(counts, thread.traceModel.vocabulary);
  const found = await sameBits(requests, { atOnce: sequences, answer: (request) => answerOfThread(thread, request) });
  await thread[Symbol.asyncDispose]();
  return { kernels: thread.kernels, ...found };
}

Object.assign(globalThis, {
  runHere: (place: PagePlace) =>
    run(place).catch((error: unknown) => {
      const { code, sentence } = errorToParts(error);
      return { code, sentence };
    }),
});
