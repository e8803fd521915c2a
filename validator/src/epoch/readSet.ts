import { compareBytes, type Hash, type ManifestBody } from '@karmesh/sdk/protocol';
import { inTurns, READ_IN_A_TURN } from '../inTurns.ts';
import type { StoredEntry } from '../store/epochRecords.ts';
import type { Store } from '../store/openStore.ts';

/** An entry of a set, with its place in the manifest. */
export interface PlacedEntry {
  readonly position: number;
  readonly stored: StoredEntry;
}

/**
 * What is held of a set's entries, each once, in the order in which they lie on disk: by their hashes, in which a manifest has them, each
 * would be read from another page. Throws `STORE_FAILED`, and the signal's reason once it aborts.
 */
export async function* readSet(
  store: Pick<Store, 'book' | 'entry'>,
  { epoch, entries }: Pick<ManifestBody, 'epoch' | 'entries'>,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<PlacedEntry> {
  const isRead = new Uint8Array(entries.length);
  // E-35: a set has entries of its epoch and of the one before.
  for (const of of epoch === 0n ? [0n] : [epoch - 1n, epoch]) {
    const held = store.book(of)?.entries() ?? [];
    for await (const stored of inTurns(held, { every: READ_IN_A_TURN, signal })) {
      const position = positionOf(entries, stored.entryHash);
      if (position === undefined || isRead[position] === 1) continue;
      isRead[position] = 1;
      yield { position, stored };
    }
  }
  for await (const [position, { entryHash }] of inTurns(entries.entries(), { every: READ_IN_A_TURN, signal })) {
    const stored = isRead[position] === 1 ? undefined : store.entry(entryHash);
    if (stored !== undefined) yield { position, stored };
  }
}

/** E-31: a manifest has its entries by their hashes. */
function positionOf(entries: ManifestBody['entries'], entryHash: Hash): number | undefined {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const order = compareBytes(entries[middle]?.entryHash ?? entryHash, entryHash);
    if (order === 0) return middle;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return undefined;
}
