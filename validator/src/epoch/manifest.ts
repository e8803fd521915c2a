import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type CandidateGroup,
  checkManifestOrder,
  checkSet,
  compareBytes,
  type Domain,
  type EscrowAddress,
  type ExclusionKey,
  encode,
  equalBytes,
  groupKey,
  type Hash,
  type ManifestBody,
  manifestBodyCodec,
  manifestHashOf,
  manifestRoots,
  type SetEntry,
  setEntryReader,
  toHex,
} from '@karmesh/sdk/protocol';
import type { StoredEntry } from '../store/epochRecords.ts';
import { type EscrowFacts, type EscrowRow, escrowRow, judgeEscrowRow } from './escrowRow.ts';

/** What both who proposes a manifest and who checks one need to know. */
export interface ManifestKnowledge {
  readonly domain: Domain;
  readonly epoch: bigint;
  /** Whether an exclusion key (E-33, E-34) belongs to an entry of the set of the epoch before. */
  readonly earlier: (key: ExclusionKey) => boolean;
  /** This validator's own snapshot of an epoch's groups. */
  readonly snapshot: (epoch: bigint) => readonly CandidateGroup[] | undefined;
  readonly escrow: (address: Uint8Array) => EscrowFacts | undefined;
}

/** What of a stored entry decides whether it stands in a set and what the set's tables hold: all that a manifest's maker or judge keeps of it. */
export interface ManifestRow extends SetEntry {
  readonly price: bigint;
  readonly slotHash: Hash;
  readonly escrow: EscrowAddress;
  /** Its group in this validator's snapshot of its epoch; undefined if there is none. */
  readonly group: CandidateGroup | undefined;
}

/** Reads stored entries for `buildManifest` and `checkManifest`. Rows of one reader share what is equal in many of them. */
export function manifestRowReader(
  knowledge: Pick<ManifestKnowledge, 'snapshot'>,
): (stored: Pick<StoredEntry, 'checked' | 'slotHash'>) => ManifestRow {
  const setEntryOf = setEntryReader();
  const slotHashes = new Map<bigint, Hash>();
  const escrows = new Map<string, EscrowAddress>();
  return ({ checked, slotHash }) => {
    const row = setEntryOf(checked);
    const known = slotHashes.get(row.slot);
    if (known === undefined) slotHashes.set(row.slot, slotHash);
    const { escrow } = checked.entry.ticket.value;
    const name = toHex(escrow);
    if (!escrows.has(name)) escrows.set(name, escrow);
    const { engineClass, modelId } = checked.entry.dispatch.value;
    return {
      ...row,
      price: checked.entry.outcome.value.price,
      slotHash: known !== undefined && equalBytes(known, slotHash) ? known : slotHash,
      escrow: escrows.get(name) ?? escrow,
      group: knowledge
        .snapshot(checked.epoch)
        ?.find((group) => equalBytes(group.engineClass, engineClass) && equalBytes(group.modelId, modelId)),
    };
  };
}

/**
 * E-31, P-12: the manifest of an epoch from what its proposer holds: entries dispatched in the epoch or the one before, without those
 * that exclude each other, groups and slot hashes that they used, and the balance of every escrow that may be debited.
 */
export function buildManifest(
  knowledge: ManifestKnowledge,
  held: {
    readonly rows: readonly ManifestRow[];
    /** Escrows of entries that wait for a tally, beside those of the set. */
    readonly carriedEscrows: readonly Uint8Array[];
  },
): ManifestBody {
  const { epoch, earlier } = knowledge;
  const payable = held.rows.filter(
    ({ escrow, group }) => group !== undefined && knowledge.escrow(escrow) !== undefined,
  );
  const kept = withoutFaults({ epoch, earlier, entries: payable });
  const carried = held.carriedEscrows.filter((address) => knowledge.escrow(address) !== undefined);
  const addresses = distinct([...new Set(kept.map(({ escrow }) => escrow)), ...carried]);
  return {
    epoch,
    ...tablesOf(kept),
    escrows: addresses.flatMap((address): EscrowRow[] => {
      const escrow = knowledge.escrow(address);
      return escrow === undefined ? [] : [escrowRow(escrow, epoch)];
    }),
  };
}

/** Drops what may not stand until nothing is left to drop: an entry that goes may have been another's reason to stay (E-37). */
function withoutFaults(set: {
  readonly epoch: bigint;
  readonly earlier: (key: ExclusionKey) => boolean;
  readonly entries: readonly ManifestRow[];
}): readonly ManifestRow[] {
  let { entries } = set;
  for (;;) {
    const faults = checkSet({ ...set, entries });
    if (faults.length === 0) return entries;
    const faulty = new Set(faults.map(({ entryHash }) => toHex(entryHash)));
    entries = entries.filter(({ entryHash }) => !faulty.has(toHex(entryHash)));
  }
}

/** The sorted lists of a manifest that its entries determine. */
function tablesOf(rows: readonly ManifestRow[]): Pick<ManifestBody, 'entries' | 'groups' | 'slotHashes'> {
  const sorted = [...rows].sort((a, b) => compareBytes(a.entryHash, b.entryHash));
  const groups = new Set<CandidateGroup>();
  const slots = new Map<bigint, Hash>();
  for (const { group, slot, slotHash } of sorted) {
    if (group !== undefined) groups.add(group);
    slots.set(slot, slotHash);
  }
  return {
    entries: sorted.map(({ entryHash, price }) => ({ entryHash, price })),
    // One group may be at hand in several copies.
    groups: [...new Map([...groups].map((group) => [toHex(groupKey(group)), group])).values()].sort((a, b) =>
      compareBytes(groupKey(a), groupKey(b)),
    ),
    slotHashes: [...slots].sort(([a], [b]) => (a < b ? -1 : 1)).map(([slot, slotHash]) => ({ slot, slotHash })),
  };
}

function distinct(addresses: readonly Uint8Array[]): readonly Uint8Array[] {
  return [...new Map(addresses.map((address) => [toHex(address), address])).values()].sort(compareBytes);
}

/** Why a manifest is not attested. `missing`: this validator lacks something, and may yet get it. */
export interface ManifestFault {
  readonly verdict: 'missing' | 'reject';
  readonly rule: string;
  readonly facts: Readonly<Record<string, string | number | bigint>>;
}

/** V-10: the manifest's body is what the chain's hash stands for, and its lists are sorted. Undefined if so. */
export function checkManifestBody(
  domain: Domain,
  check: { readonly body: ManifestBody; readonly epoch: bigint; readonly manifestHash: Hash },
): ManifestFault | undefined {
  const { body, epoch, manifestHash } = check;
  try {
    checkManifestOrder(body);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return { verdict: 'reject', rule: 'V-10', facts: {} };
    throw error;
  }
  if (body.epoch !== epoch || !equalBytes(manifestHashOf(domain, manifestRoots(domain, body)), manifestHash)) {
    return { verdict: 'reject', rule: 'V-10', facts: { epoch: body.epoch } };
  }
  return undefined;
}

/** V-11 to V-15: whether this validator attests a manifest whose body is that of the chain's hash. `rows` are of those that it accepted, one for each of the body's entries, undefined for what is not held. */
export function checkManifest(
  knowledge: ManifestKnowledge & { readonly escrowAtEnd: (address: Uint8Array) => EscrowRow | undefined },
  check: { readonly body: ManifestBody; readonly rows: readonly (ManifestRow | undefined)[] },
): ManifestFault | undefined {
  const { body } = check;
  const { epoch, earlier } = knowledge;
  const held: ManifestRow[] = [];
  // V-11: every entry is held, was accepted, and stands there with its price.
  for (const [i, { entryHash, price }] of body.entries.entries()) {
    const one = check.rows[i];
    if (one === undefined) return { verdict: 'missing', rule: 'V-11', facts: { entry: toHex(entryHash) } };
    if (one.price !== price || !equalBytes(one.entryHash, entryHash)) {
      return { verdict: 'reject', rule: 'V-11', facts: { entry: toHex(entryHash), price } };
    }
    held.push(one);
  }
  // V-12: the entries may stand together, in this set.
  const [fault] = checkSet({ epoch, earlier, entries: held });
  if (fault !== undefined) return { verdict: 'reject', rule: fault.rule, facts: { entry: toHex(fault.entryHash) } };
  // V-13: the groups are those that the entries were drawn from, as this validator read them in their epochs.
  const lacking = [...new Set(held.map((row) => row.epoch))].find((of) => knowledge.snapshot(of) === undefined);
  if (lacking !== undefined) return { verdict: 'missing', rule: 'V-13', facts: { epoch: lacking } };
  const expected = tablesOf(held);
  const tables = { ...expected, entries: [], epoch, escrows: [] };
  const sameBytes = (part: Partial<ManifestBody>): boolean =>
    equalBytes(encode(manifestBodyCodec, { ...tables, ...part }), encode(manifestBodyCodec, tables));
  if (!sameBytes({ groups: body.groups })) {
    return { verdict: 'reject', rule: 'V-13', facts: { groups: body.groups.length, expected: expected.groups.length } };
  }
  // V-14: the slot hashes are those that the entries were drawn from.
  if (!sameBytes({ slotHashes: body.slotHashes })) {
    return { verdict: 'reject', rule: 'V-14', facts: { slots: body.slotHashes.length } };
  }
  // V-15: every escrow of the set is listed, and what is listed can pay.
  const listed = new Set(body.escrows.map(({ escrow }) => toHex(escrow)));
  const unlisted = [...new Set(held.map(({ escrow }) => escrow))].find((escrow) => !listed.has(toHex(escrow)));
  if (unlisted !== undefined) return { verdict: 'reject', rule: 'V-15', facts: { escrow: toHex(unlisted) } };
  for (const row of body.escrows) {
    const escrow = knowledge.escrow(row.escrow);
    if (escrow === undefined) return { verdict: 'missing', rule: 'V-15', facts: { escrow: toHex(row.escrow) } };
    const now = escrowRow(escrow, epoch);
    const judged = judgeEscrowRow({ listed: row, now, atEnd: knowledge.escrowAtEnd(row.escrow) });
    const facts = { escrow: toHex(row.escrow), listed: row.available, now: now.available };
    if (judged === 'unseen') return { verdict: 'missing', rule: 'V-15', facts };
    if (judged === 'short' || !equalBytes(row.gateway, now.gateway)) return { verdict: 'reject', rule: 'V-15', facts };
  }
  return undefined;
}
