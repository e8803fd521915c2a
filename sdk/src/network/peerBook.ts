import { equalBytes, toHex } from '../protocol/bytes.ts';
import type { Announcement } from './announcement.ts';
import { isNewer } from './incarnation.ts';

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
  /** Keeps an announcement if it may be kept, as heard `ageMs` ago. */
  put(
    announcement: Announcement,
    nowMs: number,
    heard?: { readonly bytes?: Uint8Array; readonly ageMs?: number },
  ): BookVerdict;
  get(identity: Uint8Array, nowMs: number): Announcement | undefined;
  /** Whether these bytes are the newest word of an identity. */
  holds(identity: Uint8Array, bytes: Uint8Array): boolean;
  /** The bytes of all that have not expired, with when they were heard, as far as bytes were given. */
  heard(nowMs: number): readonly { readonly bytes: Uint8Array; readonly ageMs: number }[];
  /** All that have not expired. */
  list(nowMs: number): readonly Announcement[];
};

/** `old`: the identity has said something newer. `same`: this is its newest word already. `soon`: it has just spoken. `full`: there is no room for one more identity. */
export type BookVerdict = 'kept' | 'old' | 'same' | 'soon' | 'full';

type Entry = { readonly announcement: Announcement; readonly heardMs: number; readonly bytes: Uint8Array | undefined };

/** The newest announcement of each identity. */
export const peerBook = ({ maxEntries, expireMs, minIntervalMs }: PeerBookOptions): PeerBook => {
  const entries = new Map<string, Entry>();
  const isFresh = ({ heardMs }: Entry, nowMs: number): boolean => nowMs - heardMs < expireMs;
  const fresh = (nowMs: number): readonly Entry[] => {
    for (const [key, entry] of entries) if (!isFresh(entry, nowMs)) entries.delete(key);
    return [...entries.values()];
  };
  const find = (identity: Uint8Array, nowMs: number): Entry | undefined => {
    const entry = entries.get(toHex(identity));
    return entry !== undefined && isFresh(entry, nowMs) ? entry : undefined;
  };
  const judge = (announcement: Announcement, nowMs: number): BookVerdict => {
    const before = find(announcement.identity, nowMs);
    if (before === undefined) return entries.size >= maxEntries && fresh(nowMs).length >= maxEntries ? 'full' : 'kept';
    if (isNewer(before.announcement, announcement)) return 'old';
    if (!isNewer(announcement, before.announcement)) return 'same';
    return nowMs - before.heardMs < minIntervalMs ? 'soon' : 'kept';
  };
  return {
    judge,
    put: (announcement, nowMs, { bytes, ageMs = 0 } = {}) => {
      const verdict = judge(announcement, nowMs);
      if (verdict === 'kept')
        entries.set(toHex(announcement.identity), { announcement, bytes, heardMs: nowMs - ageMs });
      return verdict;
    },
    get: (identity, nowMs) => find(identity, nowMs)?.announcement,
    holds: (identity, bytes) => {
      const kept = entries.get(toHex(identity))?.bytes;
      return kept !== undefined && equalBytes(kept, bytes);
    },
    heard: (nowMs) =>
      fresh(nowMs).flatMap(({ bytes, heardMs }) => (bytes === undefined ? [] : [{ bytes, ageMs: nowMs - heardMs }])),
    list: (nowMs) => fresh(nowMs).map(({ announcement }) => announcement),
  };
};
