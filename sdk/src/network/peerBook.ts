import { toHex } from '../protocol/bytes.ts';
import type { Announcement } from './announcement.ts';

export type PeerBookOptions = {
  readonly maxEntries: number;
  /** Milliseconds after which an announcement that was not renewed is forgotten. */
  readonly expireMs: number;
  /** The least time between two announcements of one identity. */
  readonly minIntervalMs: number;
};

export type PeerBook = {
  /** What `put` would say; asked before a signature is checked, which costs more. */
  judge(announcement: Announcement, nowMs: number): BookVerdict;
  /** Keeps an announcement if it may be kept. */
  put(announcement: Announcement, nowMs: number): BookVerdict;
  get(identity: Uint8Array, nowMs: number): Announcement | undefined;
  /** All that have not expired. */
  list(nowMs: number): readonly Announcement[];
};

/** `old`: the identity has said something newer. `soon`: it has just spoken. `full`: there is no room for one more identity. */
export type BookVerdict = 'kept' | 'old' | 'soon' | 'full';

type Entry = { readonly announcement: Announcement; readonly heardMs: number };

/** The newest announcement of each identity. */
export const peerBook = ({ maxEntries, expireMs, minIntervalMs }: PeerBookOptions): PeerBook => {
  // A renewed entry moves to the end, so that the first ones are those that expire first.
  const entries = new Map<string, Entry>();
  const dropExpired = (nowMs: number): void => {
    for (const [key, { heardMs }] of entries) {
      if (nowMs - heardMs < expireMs) return;
      entries.delete(key);
    }
  };
  const judge = (announcement: Announcement, nowMs: number): BookVerdict => {
    dropExpired(nowMs);
    const before = entries.get(toHex(announcement.identity));
    if (before === undefined) return entries.size >= maxEntries ? 'full' : 'kept';
    if (announcement.sequence <= before.announcement.sequence) return 'old';
    return nowMs - before.heardMs < minIntervalMs ? 'soon' : 'kept';
  };
  return {
    judge,
    put: (announcement, nowMs) => {
      const verdict = judge(announcement, nowMs);
      if (verdict !== 'kept') return verdict;
      const key = toHex(announcement.identity);
      entries.delete(key);
      entries.set(key, { announcement, heardMs: nowMs });
      return 'kept';
    },
    get: (identity, nowMs) => {
      dropExpired(nowMs);
      return entries.get(toHex(identity))?.announcement;
    },
    list: (nowMs) => {
      dropExpired(nowMs);
      return [...entries.values()].map(({ announcement }) => announcement);
    },
  };
};
