import type { PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
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
};

/** Whom to stay connected to: the bootstrap addresses always, and others as long as there are fewer than `targetPeers` connections. */
export function dialTargets(
  { bootstrap, targetPeers }: { readonly bootstrap: readonly Multiaddr[]; readonly targetPeers: number },
  { node, addressesFor, others, isBanned }: DialTargetsParts,
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

  return () => {
    const connected = new Set(node.getConnections().map(({ remotePeer }) => remotePeer.toString()));
    if (connected.size >= targetPeers) return always;
    const named = new Set([self, ...always.map(({ key }) => key)]);
    const rest = new Map(
      others()
        .map((name) => parsePeer(name))
        .map((peer) => [peer.toString(), peer]),
    );
    return [
      ...always,
      ...[...rest]
        .filter(([key]) => !named.has(key) && !isBanned(key))
        .slice(0, targetPeers)
        .map(([key, peer]) => ({
          key,
          isConnected: () => isConnected(peer),
          dial: async (signal: AbortSignal) => {
            await node.dial([...addressesFor(peer)], { signal });
          },
        })),
    ];
  };
}
