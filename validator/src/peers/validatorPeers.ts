import { KarmeshError } from '@karmesh/sdk/errors';
import type { Host } from '@karmesh/sdk/network';
import { decode, encode, equalBytes, type Hash, type Identity } from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { BodyReference } from '../store/epochRecords.ts';
import type { Store } from '../store/openStore.ts';
import { EPOCH_PROTOCOL, epochAnswerCodec, epochAskCodec, MAX_BODIES, MAX_EPOCH_FRAME_BYTES } from './epochFrames.ts';

type Signalled = { readonly signal: AbortSignal };

/** What a validator asks of its peers. A peer that does not answer is passed over; undefined and empty mean that nobody had it. */
export interface ValidatorPeers {
  /** Bytes by hash: from disk, from `from`, or from another validator or gateway. */
  fetchBytes(
    wanted: { readonly hash: Hash; readonly from: Identity | undefined; readonly maxBytes: number },
    signalled: Signalled,
  ): Promise<Uint8Array | undefined>;
  /** V-18: the references of an epoch's bodies that peers know, those of `from` first. */
  bodiesOf(
    epoch: bigint,
    options: Signalled & { readonly from: Identity | undefined },
  ): Promise<readonly BodyReference[]>;
}

export interface ValidatorPeersOptions {
  /** Peers asked for one thing, 6 unless told. */
  readonly maxPeers?: number;
  /** Milliseconds for one peer, 4,000 unless told. */
  readonly peerTimeoutMs?: number;
}

export const validatorPeers =
  (options: ValidatorPeersOptions = {}) =>
  (parts: {
    readonly host: Pick<Host, 'announcements' | 'fetchByHash' | 'identity' | 'openStream'>;
    readonly store: Pick<Store, 'bytesOf'>;
    readonly log: Pick<Logger, 'debug'>;
  }): ValidatorPeers => {
    const { maxPeers = 6, peerTimeoutMs = 4_000 } = options;
    const { host, store, log } = parts;

    /** Who is asked, in order: whoever should have it, then other validators, then gateways. */
    function candidates(from: Identity | undefined): readonly Identity[] {
      const announced = host.announcements();
      const others = ['validator', 'gateway'].flatMap((role) =>
        announced.filter((one) => one.role === role).map(({ identity }) => identity),
      );
      const all = from === undefined ? others : [from, ...others];
      return all
        .filter((one, i) => !equalBytes(one, host.identity) && all.findIndex((other) => equalBytes(other, one)) === i)
        .slice(0, maxPeers);
    }

    async function firstOf<T>(
      from: Identity | undefined,
      { signal }: Signalled,
      ask: (peer: Identity, signalled: Signalled) => Promise<T | undefined>,
    ): Promise<T | undefined> {
      for (const peer of candidates(from)) {
        try {
          const found = await ask(peer, { signal: AbortSignal.any([signal, AbortSignal.timeout(peerTimeoutMs)]) });
          if (found !== undefined) return found;
        } catch (err) {
          if (signal.aborted || !(err instanceof KarmeshError)) throw err;
          log.debug({ err }, 'A peer did not have what was asked of it.');
        }
      }
      return undefined;
    }

    return {
      async fetchBytes({ hash, from, maxBytes }, signalled) {
        const held = await store.bytesOf(hash);
        if (held !== undefined) return held;
        return firstOf(from, signalled, (peer, options_) => host.fetchByHash({ peer, hash, maxBytes }, options_));
      },
      async bodiesOf(epoch, { signal, from }) {
        const found: BodyReference[] = [];
        await firstOf(from, { signal }, async (peer, options_) => {
          await using stream = await host.openStream(
            { peer, protocol: EPOCH_PROTOCOL, maxFrameBytes: MAX_EPOCH_FRAME_BYTES },
            options_,
          );
          await stream.send(encode(epochAskCodec, { epoch }), options_);
          const answer = await stream.receive(options_);
          if (answer !== undefined) found.push(...decode(epochAnswerCodec, answer).bodies);
          await stream.close();
          // Every peer is asked: the first may know of an attempt that did not become the epoch's.
          return undefined;
        });
        return found;
      },
    };
  };

/** V-18: serves bodies and entries by hash, and the references of an epoch. The result stops serving. */
export async function serveBodies(parts: {
  readonly host: Pick<Host, 'handle' | 'serveByHash'>;
  readonly store: Pick<Store, 'bodiesOf' | 'bytesOf'>;
}): Promise<() => Promise<void>> {
  const { host, store } = parts;
  const stopFetch = await host.serveByHash((hash) => store.bytesOf(hash));
  const stopEpochs = await host.handle({
    protocol: EPOCH_PROTOCOL,
    maxStreams: 64,
    maxStreamsPerPeer: 8,
    maxFrameBytes: MAX_EPOCH_FRAME_BYTES,
    handler: async (stream) => {
      const ask = await stream.receive({ signal: stream.signal });
      if (ask === undefined) return;
      const { epoch } = decode(epochAskCodec, ask);
      const bodies = (await store.bodiesOf(epoch)).slice(-MAX_BODIES);
      await stream.send(encode(epochAnswerCodec, { bodies }), { signal: stream.signal });
    },
  });
  return async () => {
    await stopEpochs();
    await stopFetch();
  };
}
