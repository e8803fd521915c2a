import { toHex } from '@karmesh/sdk/protocol';
import type { KeyHash } from '../store/apiKeys.ts';

export type SocketLimits = {
  readonly maxSockets: number;
  /** Of these, those whose API key has not come yet; the oldest is ended for one more. */
  readonly maxNameless: number;
  /** Those of one API key. */
  readonly maxPerKey: number;
};

/** One socket's place, which disposing gives back. */
export type SocketPlace = Disposable & {
  /** Says whose the socket is; false if this key has as many as it may. */
  name(keyHash: KeyHash): boolean;
};

export type OpenSockets = {
  readonly isFull: boolean;
  /** `end` ends the socket at once. */
  open(end: () => void): SocketPlace;
};

/** Counts sockets, in memory and for this process alone. */
export function openSockets({ maxNameless, maxPerKey, maxSockets }: SocketLimits): OpenSockets {
  const nameless = new Set<() => void>();
  const byKey = new Map<string, number>();
  let open = 0;
  return {
    get isFull() {
      return open >= maxSockets;
    },
    open(end) {
      const [oldest] = nameless;
      if (nameless.size >= maxNameless && oldest !== undefined) {
        nameless.delete(oldest);
        oldest();
      }
      // The same function may stand for several sockets.
      const own = (): void => end();
      nameless.add(own);
      open += 1;
      let key: string | undefined;
      let isOpen = true;
      return {
        name(keyHash) {
          const named = toHex(keyHash);
          const count = byKey.get(named) ?? 0;
          if (key !== undefined || !isOpen || count >= maxPerKey) return key === named;
          nameless.delete(own);
          key = named;
          byKey.set(named, count + 1);
          return true;
        },
        [Symbol.dispose]() {
          if (!isOpen) return;
          isOpen = false;
          open -= 1;
          nameless.delete(own);
          if (key === undefined) return;
          const left = (byKey.get(key) ?? 1) - 1;
          if (left === 0) byKey.delete(key);
          else byKey.set(key, left);
        },
      };
    },
  };
}
