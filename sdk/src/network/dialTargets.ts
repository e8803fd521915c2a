import type { PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { toHex } from '../protocol/bytes.ts';
import { hash } from '../protocol/hash.ts';
import { peerIdTextOf } from './addresses.ts';
import type { DialTarget } from './dialer.ts';
import type { PeerName } from './host.ts';
import { parsePeer } from './identity.ts';

export type DialTargetsParts = {
  readonly node: Pick<Libp2p, 'peerId' | 'dial' | 'getConnections'>;
  readonly addressesFor: (peer: PeerId) => readonly Multiaddr[];
  /** Everybody who is known, the bootstrap peers or not. */
  readonly others: () => readonly PeerName[];
  readonly isBanned: (peer: string) => boolean;
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

const encoder = new TextEncoder();
/** How long the same peers are preferred, in milliseconds. Then others get their chance, so that no set of hostile ones keeps us alone. */
const preferMs = 30_000;
/** Peers that are dialled at once: most of those who are missing dial us meanwhile. */
const atOnce = 4;
/** How long a host that has one link waits for others, in milliseconds, and half as long again at most: it knows by then who is there. */
const settleMs = 2_000;

/**
 * Whom to stay connected to: the bootstrap addresses always, and others as long as there are fewer than `targetPeers` connections. Each
 * peer prefers others of its own, so that links are spread over all instead of on those who came first.
 */
export function dialTargets(
  { bootstrap, targetPeers }: { readonly bootstrap: readonly Multiaddr[]; readonly targetPeers: number },
  { node, addressesFor, others, isBanned, now, random }: DialTargetsParts,
): () => readonly DialTarget[] {
  const self = node.peerId.toString();
  const isConnected = (peer: PeerId): boolean => node.getConnections(peer).some(({ status }) => status === 'open');

  const targetOf = (address: Multiaddr): DialTarget => {
    const named = peerIdTextOf(address);
    let peer: PeerId | undefined = named === undefined ? undefined : parsePeer(named);
    return {
      key: named ?? address.toString(),
      isConnected: () => peer !== undefined && (peer.toString() === self || isConnected(peer)),
      dial: async (signal) => {
        peer = (await node.dial(address, { signal })).remotePeer;
      },
    };
  };
  const always = bootstrap.filter((address) => peerIdTextOf(address) !== self).map(targetOf);

  let settledMs: number | undefined;
  let period = 0;
  let ranks = new Map<string, string>();
  const rankOf = (peer: string): string => {
    const rank = ranks.get(peer) ?? toHex(hash(encoder.encode(`${self} ${peer} ${period}`)));
    ranks.set(peer, rank);
    return rank;
  };
  /** Puts who could not be reached behind all others of the period. */
  const failed = (peer: string): void => void ranks.set(peer, `x${rankOf(peer)}`);

  return () => {
    const connected = new Set(node.getConnections().map(({ remotePeer }) => remotePeer.toString()));
    const missing = targetPeers - connected.size;
    if (missing <= 0) return always;
    if (connected.size > 0) {
      // When many start at once, as after a power cut, those who are asked first have enough to do.
      settledMs ??= now() + settleMs * (1 + random() / 2);
      if (now() < settledMs) return always;
    }
    const newest = Math.floor(now() / preferMs);
    if (newest !== period) {
      period = newest;
      ranks = new Map();
    }
    const passed = new Set([self, ...connected, ...always.map(({ key }) => key)]);
    const absent = new Map(
      others()
        .map((name) => parsePeer(name))
        .map((peer) => [peer.toString(), peer]),
    );
    const chosen = [...absent]
      .filter(([key]) => !passed.has(key) && !isBanned(key))
      .map(([key, peer]) => ({ key, peer, rank: rankOf(key) }))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1))
      .slice(0, Math.min(missing, atOnce));
    return [
      ...always,
      ...chosen.map(({ key, peer }) => ({
        key,
        isConnected: () => isConnected(peer),
        dial: async (signal: AbortSignal) => {
          try {
            await node.dial([...addressesFor(peer)], { signal });
          } catch (error) {
            failed(key);
            throw error;
          }
        },
      })),
    ];
  };
}
