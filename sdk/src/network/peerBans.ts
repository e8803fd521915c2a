import { type TokenBucket, tokenBucket } from './tokenBucket.ts';

export type PeerBans = {
  /** Notes a fault of a peer; true when it is one too many and the peer is banned for a while. */
  fault(peer: string): boolean;
  isBanned(peer: string): boolean;
};

const faultsAllowed = { perSecond: 0.2, burst: 16 } as const;
const banMs = 60_000;

/** Peers whose faults came too fast, each banned for a minute. A new key starts clean, so this only slows down, as all bans do. */
export const peerBans =
  ({ maxEntries }: { readonly maxEntries: number }) =>
  ({ now }: { readonly now: () => number }): PeerBans => {
    const faults = new Map<string, TokenBucket>();
    const until = new Map<string, number>();
    const isBanned = (peer: string): boolean => {
      const end = until.get(peer);
      if (end === undefined) return false;
      if (now() < end) return true;
      until.delete(peer);
      return false;
    };
    const makeRoom = <V>(map: Map<string, V>): void => {
      const [oldest] = map.keys();
      if (map.size >= maxEntries && oldest !== undefined) map.delete(oldest);
    };
    return {
      isBanned,
      fault: (peer) => {
        let bucket = faults.get(peer);
        if (bucket === undefined) {
          makeRoom(faults);
          bucket = tokenBucket(faultsAllowed, now());
          faults.set(peer, bucket);
        }
        if (bucket.take(now())) return false;
        makeRoom(until);
        until.set(peer, now() + banMs);
        return true;
      },
    };
  };
