import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { FrameStream, Host, OpenStreamOptions } from '@karmesh/sdk/network';
import { toHex } from '@karmesh/sdk/protocol';
import type { MarketNetwork } from './marketNetwork.ts';

export type SpareStreamsOptions = {
  /** How long a stream may wait for its use, in milliseconds; workers give up after ten seconds without a dispatch (W-03). */
  readonly maxIdleMs: number;
  /** Spare streams at once, over all peers. */
  readonly maxSpares: number;
};

type Spare = {
  readonly stream: FrameStream;
  /** Takes it out of the spares. */
  readonly release: () => void;
};

/**
 * A network that has the next stream to a peer ready: opening one costs a round trip and a negotiation, which the first token would
 * wait for. When a stream has ended, another is opened to the same peer and kept for a while. Disposing lets go of them.
 */
export const spareStreams =
  ({ maxIdleMs, maxSpares }: SpareStreamsOptions) =>
  ({ network, clock }: { readonly network: MarketNetwork; readonly clock: Clock }): MarketNetwork & AsyncDisposable => {
    const spares = new Map<string, Spare>();
    const opening = new Map<string, Promise<void>>();
    const stopped = new AbortController();

    const drop = ({ stream, release }: Spare): void => {
      release();
      stream.abort(new KarmeshError('ABORTED', 'The spare stream is not needed.'));
    };

    const keep = (key: string, stream: FrameStream): void => {
      const onLost = (): void => release();
      const release = (): void => {
        silence();
        stream.signal.removeEventListener('abort', onLost);
        spares.delete(key);
      };
      const spare = { stream, release };
      const silence = clock.alarm(maxIdleMs, () => drop(spare));
      stream.signal.addEventListener('abort', onLost, { once: true });
      spares.set(key, spare);
    };

    const take = (key: string): FrameStream | undefined => {
      const spare = spares.get(key);
      spare?.release();
      return spare?.stream;
    };

    const prepare = async (key: string, options: OpenStreamOptions): Promise<void> => {
      try {
        const stream = await network.openStream(options, { signal: stopped.signal });
        keep(key, stream);
      } catch {
        // Whoever needs a stream will open one, or hear why not.
      }
    };

    const refill = (key: string, options: OpenStreamOptions): void => {
      if (stopped.signal.aborted || spares.has(key) || opening.has(key)) return;
      if (spares.size + opening.size >= maxSpares) return;
      opening.set(
        key,
        prepare(key, options).finally(() => opening.delete(key)),
      );
    };

    const openStream: Host['openStream'] = async (options, signalled) => {
      const key = keyOf(options);
      const stream = take(key) ?? (await network.openStream(options, signalled));
      void stream.ended.then(() => {
        // Lost with its connection, it says nothing good about the next.
        if (!stream.signal.aborted) refill(key, options);
      });
      return stream;
    };

    return {
      openStream,
      async [Symbol.asyncDispose]() {
        stopped.abort();
        await Promise.all(opening.values());
        for (const spare of spares.values()) drop(spare);
      },
    };
  };

function keyOf({ peer, protocol, maxFrameBytes, idleMs }: OpenStreamOptions): string {
  const name = typeof peer === 'string' ? peer : toHex(peer);
  return `${name} ${protocol} ${maxFrameBytes} ${idleMs}`;
}
