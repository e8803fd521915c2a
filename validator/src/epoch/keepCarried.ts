import type { CarriedEntry } from '@karmesh/sdk/protocol';
import type { StoredEntry } from '../store/epochRecords.ts';
import type { DutyParts, DutyResult } from './dutyParts.ts';
import type { Ledger } from './ledger.ts';

/**
 * T-05: keeps the entries that the last report carried where the next tally finds them. One that is not held here is fetched, and
 * read by the attested set in which it stands, however long ago that was.
 */
export async function keepCarried(
  parts: Pick<DutyParts, 'chain' | 'sets' | 'store'>,
  from: { readonly ledger: Ledger; readonly current: bigint },
  { signal }: { readonly signal: AbortSignal },
): Promise<DutyResult> {
  const { store } = parts;
  for (const row of from.ledger.state.carried) {
    const stored = store.entry(row.entryHash) ?? (await fetchCarried(parts, row, signal));
    if (stored === undefined) return 'waiting';
    await store.addCarried(from.current, stored);
  }
  return 'done';
}

async function fetchCarried(
  { chain, sets }: Pick<DutyParts, 'chain' | 'sets'>,
  { entryHash, drawnEpoch }: CarriedEntry,
  signal: AbortSignal,
): Promise<StoredEntry | undefined> {
  const recent = chain.epochs().find(({ epoch }) => epoch === drawnEpoch);
  const account = recent ?? (await chain.past.epoch(drawnEpoch, { signal }));
  const manifest = account === undefined ? undefined : await sets.manifest(account, { signal });
  return manifest === undefined ? undefined : sets.entry({ manifest, entryHash }, { signal });
}
