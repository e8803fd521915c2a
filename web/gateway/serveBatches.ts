import { answerOnce, type Host } from '@karmesh/sdk/network';
import {
  BATCHES_PROTOCOL,
  batchesAnswerCodec,
  batchesAskCodec,
  decode,
  encode,
  MAX_ANSWERED_BATCHES,
  MAX_BATCHES_FRAME_BYTES,
} from '@karmesh/sdk/protocol';
import { batchesSince, findBatchBody } from './store/batches.ts';
import type { Db } from './store/openDatabase.ts';

/** I-09: serves the bodies of batches by hash, and to whoever was away the headers that it missed. The result stops serving. */
export async function serveBatches(parts: {
  readonly host: Pick<Host, 'handle' | 'serveByHash'>;
  readonly db: Db;
}): Promise<() => Promise<void>> {
  const { host, db } = parts;
  const stopBodies = await host.serveByHash((hash) => findBatchBody(db, hash));
  const stopHeaders = await answerOnce(host, {
    protocol: BATCHES_PROTOCOL,
    maxStreams: 64,
    maxStreamsPerPeer: 2,
    maxFrameBytes: MAX_BATCHES_FRAME_BYTES,
    async answer(ask) {
      const headers = await batchesSince(db, { ...decode(batchesAskCodec, ask), limit: MAX_ANSWERED_BATCHES });
      return encode(batchesAnswerCodec, { headers });
    },
  });
  return async () => {
    await stopHeaders();
    await stopBodies();
  };
}
