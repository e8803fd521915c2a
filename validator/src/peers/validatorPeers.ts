import { KarmeshError } from '@karmesh/sdk/errors';
import { askOnce, type Host } from '@karmesh/sdk/network';
import type { BodyReference } from '@karmesh/sdk/protocol';
import {
  decode,
  EPOCH_PROTOCOL,
  encode,
  epochAnswerCodec,
  epochAskCodec,
  equalBytes,
  type Hash,
  type Identity,
  MAX_EPOCH_FRAME_BYTES,
  toHex,
} from '@karmesh/sdk/protocol';
import type { Logger } from '@karmesh/sdk/runtime';
import type { Store } from '../store/openStore.ts';

type Signalled = { readonly signal: AbortSignal };

/** What a validator asks of its peers. A peer that does not answer is passed over. */
export interface ValidatorPeers {
  /** Bytes by hash: from disk, from `from`, or from another validator or gateway. */
  fetchBytes(
    wanted: { readonly hash: Hash; readonly from: Identity | undefined; readonly maxBytes: number },
    signalled: Signalled,
  ): Promise<Uint8Array | undefined>;
  /** V-18: which bodies of an epoch each peer has, asked one after the other, `from` first. */
  bodiesOf(
    epoch: bigint,
    options: Signalled & { readonly from: Identity | undefined },
  ): AsyncIterable<{ readonly peer: Identity; readonly bodies: readonly BodyReference[] }>;
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

    /** What one peer answers, or undefined if it does not help. Throws only what is not the peer's doing. */
    async function askOne<T>(
      peer: Identity,
      signal: AbortSignal,
      ask: (signalled: Signalled) => Promise<T>,
    ): Promise<T | undefined> {
      try {
        return await ask({ signal: AbortSignal.any([signal, AbortSignal.timeout(peerTimeoutMs)]) });
      } catch (err) {
        if (signal.aborted || !(err instanceof KarmeshError)) throw err;
        log.debug({ err, peer: toHex(peer) }, 'A peer did not have what was asked of it.');
        return undefined;
      }
    }

    async function askForBodies(
      peer: Identity,
      epoch: bigint,
      signalled: Signalled,
    ): Promise<readonly BodyReference[]> {
      const ask = encode(epochAskCodec, { epoch });
      const answer = await askOnce(
        host,
        { peer, protocol: EPOCH_PROTOCOL, maxFrameBytes: MAX_EPOCH_FRAME_BYTES, ask },
        signalled,
      );
      return answer === undefined ? [] : decode(epochAnswerCodec, answer).bodies;
    }

    return {
      async fetchBytes({ hash, from, maxBytes }, { signal }) {
        const held = await store.bytesOf(hash);
        if (held !== undefined) return held;
        for (const peer of candidates(from)) {
          const found = await askOne(peer, signal, (own) => host.fetchByHash({ peer, hash, maxBytes }, own));
          if (found !== undefined) return found;
        }
        return undefined;
      },
      async *bodiesOf(epoch, { signal, from }) {
        for (const peer of candidates(from)) {
          const bodies = await askOne(peer, signal, (own) => askForBodies(peer, epoch, own));
          if (bodies !== undefined) yield { peer, bodies };
        }
      },
    };
  };
