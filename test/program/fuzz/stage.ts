import type { Config, DataKind, DataOf, Key, Ledger } from '../model/ledger.ts';
import type { Built, Row } from './reportsOf.ts';

/** What a sequence goes on from: the model's ledger, and what its actors remember. */
export interface Stage {
  readonly ledger: Ledger;
  readonly notes: Notes;
}

export interface Notes {
  /** The reports on an epoch, the honest one first. */
  readonly reports: Map<bigint, Built[]>;
  /** What final reports said, by their root. */
  readonly rows: Map<Key, readonly Row[]>;
  /** Evidence that a finder committed to, by its finding. */
  readonly findings: Map<Key, { readonly kind: number; readonly first: Uint8Array; readonly second: Uint8Array }>;
  /** Makes salts, records and proposals differ. */
  counter: number;
}

export function emptyStage(): Stage {
  const notes: Notes = { reports: new Map(), rows: new Map(), findings: new Map(), counter: 0 };
  return { ledger: { slot: 1_000n, accounts: new Map() }, notes };
}

/** Nothing that happens to the copy happens to the original. */
export function copyOf(stage: Stage): Stage {
  return structuredClone(stage);
}

/** All accounts of one kind. */
export function all<K extends DataKind>(
  { accounts }: Ledger,
  kind: K,
): { readonly key: Key; readonly data: DataOf<K> }[] {
  const found: { readonly key: Key; readonly data: DataOf<K> }[] = [];
  for (const [key, { data, lamports }] of accounts) {
    if (data?.kind === kind && lamports > 0n) found.push({ key, data: data as DataOf<K> });
  }
  return found;
}

export function configOf(ledger: Ledger): Config | undefined {
  return all(ledger, 'config')[0]?.data;
}
