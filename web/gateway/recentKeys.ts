import { hash } from 'node:crypto';
import type { Clock } from '@karmesh/sdk/clock';
import type { FoundKey } from './store/apiKeys.ts';

export type RecentKeysOptions = {
  /** How long a valid key is believed without asking again, in milliseconds: a key that is revoked elsewhere is refused after that. */
  readonly rememberMs: number;
  /** Keys remembered at once. */
  readonly maxKeys: number;
};

/** Finds API keys, and asks the database only about those that were not found valid just now. */
export const recentKeys =
  ({ rememberMs, maxKeys }: RecentKeysOptions) =>
  (parts: { readonly find: (key: string) => Promise<FoundKey | undefined>; readonly clock: Pick<Clock, 'nowMs'> }) => {
    const found = new Map<string, { readonly of: FoundKey; readonly atMs: number }>();
    return async (key: string): Promise<FoundKey | undefined> => {
      const name = hash('sha256', key);
      const known = found.get(name);
      const now = parts.clock.nowMs();
      // A clock that was set back makes a key old, not new.
      if (known !== undefined && Math.abs(now - known.atMs) < rememberMs) return known.of;
      found.delete(name);
      const of = await parts.find(key);
      if (of === undefined) return undefined;
      if (found.size >= maxKeys) found.clear();
      found.set(name, { of, atMs: now });
      return of;
    };
  };
