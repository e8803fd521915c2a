export type StreamLimitOptions = { readonly maxInAll: number; readonly maxPerPeer: number };

export type StreamLimit = {
  /** Counts one more stream of a peer; the result takes it off again. Undefined when the peer or the host has too many. */
  enter(peer: string): (() => void) | undefined;
  readonly open: number;
};

/** Counts open streams in all and by peer. */
export const streamLimit = ({ maxInAll, maxPerPeer }: StreamLimitOptions): StreamLimit => {
  const byPeer = new Map<string, number>();
  let inAll = 0;
  return {
    get open() {
      return inAll;
    },
    enter: (peer) => {
      const own = byPeer.get(peer) ?? 0;
      if (inAll >= maxInAll || own >= maxPerPeer) return undefined;
      inAll += 1;
      byPeer.set(peer, own + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        inAll -= 1;
        const now = (byPeer.get(peer) ?? 1) - 1;
        if (now === 0) byPeer.delete(peer);
        else byPeer.set(peer, now);
      };
    },
  };
};
