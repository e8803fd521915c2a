import { answerOnce, type Host } from '@karmesh/sdk/network';
import {
  decode,
  EPOCH_PROTOCOL,
  encode,
  epochAnswerCodec,
  epochAskCodec,
  MAX_BODIES,
  MAX_EPOCH_FRAME_BYTES,
} from '@karmesh/sdk/protocol';
import type { ChainReader } from '../chain/chainReader.ts';
import { isShown, shownBodies } from '../epoch/shownBodies.ts';
import type { Store } from '../store/openStore.ts';

/** V-18: serves bodies and entries by hash, and the references of an epoch; of neither a report that could still be sealed. The result stops serving. */
export async function serveBodies(parts: {
  readonly host: Pick<Host, 'handle' | 'serveByHash'>;
  readonly store: Pick<Store, 'bodiesOf' | 'bodyOf' | 'bytesOf'>;
  readonly chain: Pick<ChainReader, 'config' | 'epochs'>;
}): Promise<() => Promise<void>> {
  const { host, store, chain } = parts;
  const stopFetch = await host.serveByHash(async (hash) => {
    const body = store.bodyOf(hash);
    return body === undefined || isShown(chain, body) ? store.bytesOf(hash) : undefined;
  });
  const stopEpochs = await answerOnce(host, {
    protocol: EPOCH_PROTOCOL,
    maxStreams: 64,
    maxStreamsPerPeer: 8,
    maxFrameBytes: MAX_EPOCH_FRAME_BYTES,
    answer: (ask) =>
      encode(epochAnswerCodec, { bodies: shownBodies(parts, decode(epochAskCodec, ask).epoch).slice(-MAX_BODIES) }),
  });
  return async () => {
    await stopEpochs();
    await stopFetch();
  };
}
