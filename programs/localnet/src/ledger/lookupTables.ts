import type { Address } from '@solana/kit';
import { addressOf } from '../base58.ts';
import type { Account } from './account.ts';
import { lookupTableProgram } from './wellKnown.ts';
import type { WireMessage } from './wireTransaction.ts';

/** Bytes of a lookup table before its addresses (solana-address-lookup-table-interface, LOOKUP_TABLE_META_SIZE). */
const metaBytes = 56;

export type Loaded = { readonly writable: readonly Address[]; readonly readonly: readonly Address[] };

/** The accounts that a version 0 message takes from lookup tables, or undefined if a table lacks one; the engine then says why. */
export function loadedAddresses(
  { lookups }: WireMessage,
  account: (address: Address) => Account | undefined,
): Loaded | undefined {
  const writable: Address[] = [];
  const readonly: Address[] = [];
  for (const lookup of lookups) {
    const table = account(lookup.table);
    if (table === undefined || table.owner !== lookupTableProgram) return undefined;
    const take = (index: number): Address | undefined => {
      const start = metaBytes + 32 * index;
      return start + 32 > table.data.length ? undefined : addressOf(table.data.subarray(start, start + 32));
    };
    for (const [indices, into] of [
      [lookup.writable, writable],
      [lookup.readonly, readonly],
    ] as const) {
      for (const index of indices) {
        const address = take(index);
        if (address === undefined) return undefined;
        into.push(address);
      }
    }
  }
  return { writable, readonly };
}
