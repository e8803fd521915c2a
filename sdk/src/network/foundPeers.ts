import type { Multiaddr } from '@multiformats/multiaddr';

export type FoundPeers = {
  /** Notes where a peer is said to be; the newest word counts. What comes above `maxEntries` is passed over. */
  put(peer: string, addresses: readonly Multiaddr[], nowMs: number): void;
  get(peer: string, nowMs: number): readonly Multiaddr[];
  /** Everybody who was found lately. */
  list(nowMs: number): readonly string[];
};

/** Peers that the local network or a distributed hash table has named. Nobody has signed for them: they are only somewhere to dial. */
export const foundPeers = ({
  maxEntries,
  expireMs,
}: {
  readonly maxEntries: number;
  readonly expireMs: number;
}): FoundPeers => {
  const found = new Map<string, { readonly addresses: readonly Multiaddr[]; readonly atMs: number }>();
  const prune = (nowMs: number): void => {
    for (const [peer, { atMs }] of found) if (nowMs - atMs >= expireMs) found.delete(peer);
  };
  return {
    put: (peer, addresses, nowMs) => {
      if (addresses.length === 0) return;
      if (found.size >= maxEntries && !found.has(peer)) prune(nowMs);
      if (found.size < maxEntries || found.has(peer)) found.set(peer, { addresses, atMs: nowMs });
    },
    get: (peer, nowMs) => {
      const entry = found.get(peer);
      return entry !== undefined && nowMs - entry.atMs < expireMs ? entry.addresses : [];
    },
    list: (nowMs) => {
      prune(nowMs);
      return [...found.keys()];
    },
  };
};
