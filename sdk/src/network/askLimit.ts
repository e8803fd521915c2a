import { type TokenBucket, tokenBucket } from './tokenBucket.ts';

export type AskLimitOptions = {
  /** Asks of a peer that nothing stands behind, in a minute and at once after a quiet one. */
  readonly perMinute: number;
  /** Those of a bonded participant, beyond these. */
  readonly bondedPerMinute: number;
  /** Peers whose asks are remembered. */
  readonly maxEntries: number;
};

export type AskLimitParts<Peer> = {
  readonly now: () => number;
  /** Whether a participant with a bond has this identity. It is asked only about those who ask much. */
  readonly isBonded: (peer: Peer) => boolean;
  readonly keyOf: (peer: Peer) => string;
};

export type AskLimit<Peer> = {
  /** Counts one ask; false if the peer has asked too often. */
  take(peer: Peer): boolean;
  /** Whether the peer may ask now, without counting. */
  mayAsk(peer: Peer): boolean;
};

type Row = { readonly free: TokenBucket; bonded: TokenBucket | undefined };

/**
 * N-12: how often a peer may ask for what no ticket pays for. A stranger's asks are few, because a new key costs nothing. A validator
 * that catches up asks for thousands of bodies within a minute, and its bond is what it would lose.
 */
export const askLimit =
  ({ perMinute, bondedPerMinute, maxEntries }: AskLimitOptions) =>
  <Peer>({ now, isBonded, keyOf }: AskLimitParts<Peer>): AskLimit<Peer> => {
    const rows = new Map<string, Row>();
    const bucket = (count: number): TokenBucket => tokenBucket({ perSecond: count / 60, burst: count }, now());

    const makeRoom = (): void => {
      // Who has not asked lately is remembered for nothing.
      for (const [key, { free, bonded }] of rows) {
        if (free.isFull(now()) && (bonded === undefined || bonded.isFull(now()))) rows.delete(key);
      }
      const [oldest] = rows.keys();
      if (rows.size >= maxEntries && oldest !== undefined) rows.delete(oldest);
    };
    const rowOf = (key: string): Row => {
      const known = rows.get(key);
      if (known !== undefined) return known;
      if (rows.size >= maxEntries) makeRoom();
      const row: Row = { free: bucket(perMinute), bonded: undefined };
      rows.set(key, row);
      return row;
    };
    const bondedOf = (row: Row, peer: Peer): TokenBucket | undefined => {
      if (!isBonded(peer)) return undefined;
      row.bonded ??= bucket(bondedPerMinute);
      return row.bonded;
    };

    return {
      take(peer) {
        const row = rowOf(keyOf(peer));
        return row.free.take(now()) || bondedOf(row, peer)?.take(now()) === true;
      },
      mayAsk(peer) {
        const row = rows.get(keyOf(peer));
        return row === undefined || !row.free.isEmpty(now()) || bondedOf(row, peer)?.isEmpty(now()) === false;
      },
    };
  };
