import { type Entry, entryCodec, epochOfSlot, MAX_ENTRY_BYTES, toHex } from '@karmesh/sdk/protocol';
import type { DutyParts, DutyResult } from './dutyParts.ts';
import type { Ledger } from './ledger.ts';
import { parseBody } from './parseBody.ts';

/**
 * T-05: keeps the entries that the last report carried where the next tally finds them. One that is not held here is fetched, and
 * read by the attested set in which it stood: that of its epoch or of the next one.
 */
export async function keepCarried(
  parts: DutyParts,
  from: { readonly ledger: Ledger; readonly current: bigint },
  { signal }: { readonly signal: AbortSignal },
): Promise<DutyResult> {
  const { store } = parts;
  for (const { entryHash } of from.ledger.state.carried) {
    if (store.entry(entryHash) === undefined) await fetchCarried(parts, entryHash, signal);
    const stored = store.entry(entryHash);
    if (stored === undefined) return 'waiting';
    await store.addCarried(from.current, stored);
  }
  return 'done';
}

async function fetchCarried(parts: DutyParts, entryHash: Uint8Array, signal: AbortSignal): Promise<void> {
  const { chain, peers, sets } = parts;
  const bytes = await peers.fetchBytes({ hash: entryHash, from: undefined, maxBytes: MAX_ENTRY_BYTES }, { signal });
  const entry: Entry | undefined = bytes === undefined ? undefined : parseBody(entryCodec, bytes);
  if (entry === undefined) return;
  const { epochZeroSlot, parameters } = chain.config();
  const dispatched = epochOfSlot({ epochZeroSlot, slotsPerEpoch: parameters.slotsPerEpoch }, entry.dispatch.value.slot);
  for (const account of chain.epochs()) {
    if (dispatched === undefined || (account.epoch !== dispatched && account.epoch !== dispatched + 1n)) continue;
    const manifest = await sets.manifest(account, { signal });
    const stands = manifest?.entries.some((row) => toHex(row.entryHash) === toHex(entryHash));
    if (manifest !== undefined && stands === true) await sets.entries({ account, manifest }, { signal });
  }
}
