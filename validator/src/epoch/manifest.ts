import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type CandidateGroup,
  type CheckedEntry,
  checkManifestOrder,
  checkSet,
  compareBytes,
  type Domain,
  encode,
  equalBytes,
  groupKey,
  type Hash,
  type ManifestBody,
  manifestBodyCodec,
  manifestHashOf,
  manifestRoots,
  toHex,
} from '@karmesh/sdk/protocol';
import type { StoredEntry } from '../store/epochRecords.ts';
import { type EscrowFacts, type EscrowRow, escrowRow, judgeEscrowRow } from './escrowRow.ts';

/** What both who proposes a manifest and who checks one need to know. */
export interface ManifestKnowledge {
  readonly domain: Domain;
  readonly epoch: bigint;
  /** Whether an exclusion key (E-33, E-34) belongs to an entry of the set of the epoch before. */
  readonly earlier: (exclusionKey: string) => boolean;
  /** This validator's own snapshot of an epoch's groups. */
  readonly snapshot: (epoch: bigint) => readonly CandidateGroup[] | undefined;
  readonly escrow: (address: Uint8Array) => EscrowFacts | undefined;
}

/**
 * E-31, P-12: the manifest of an epoch from what its proposer holds: entries dispatched in the epoch or the one before, without those
 * that exclude each other, groups and slot hashes that they used, and the balance of every escrow that may be debited.
 */
export function buildManifest(
  knowledge: ManifestKnowledge,
  held: {
    readonly entries: readonly StoredEntry[];
    /** Escrows of entries that wait for a tally, beside those of the set. */
    readonly carriedEscrows: readonly Uint8Array[];
  },
): ManifestBody {
  const { epoch, earlier } = knowledge;
  const payable = held.entries.filter(
    ({ checked }) =>
      knowledge.escrow(checked.entry.ticket.value.escrow) !== undefined && groupOf(knowledge, checked) !== undefined,
  );
  const kept = withoutFaults({ epoch, earlier, entries: payable });
  const carried = held.carriedEscrows.filter((address) => knowledge.escrow(address) !== undefined);
  const addresses = distinct([...kept.map(({ checked }) => checked.entry.ticket.value.escrow), ...carried]);
  return {
    epoch,
    ...tablesOf(knowledge, kept),
    escrows: addresses.flatMap((address): EscrowRow[] => {
      const escrow = knowledge.escrow(address);
      return escrow === undefined ? [] : [escrowRow(escrow, epoch)];
    }),
  };
}

/** Drops what may not stand until nothing is left to drop: an entry that goes may have been another's reason to stay (E-37). */
function withoutFaults(set: {
  readonly epoch: bigint;
  readonly earlier: (exclusionKey: string) => boolean;
  readonly entries: readonly StoredEntry[];
}): readonly StoredEntry[] {
  let { entries } = set;
  for (;;) {
    const faults = checkSet({ ...set, entries: entries.map(({ checked }) => checked) });
    if (faults.length === 0) return entries;
    const faulty = new Set(faults.map(({ entryHash }) => toHex(entryHash)));
    entries = entries.filter(({ entryHash }) => !faulty.has(toHex(entryHash)));
  }
}

/** The sorted lists of a manifest that its entries determine. */
function tablesOf(
  knowledge: ManifestKnowledge,
  entries: readonly StoredEntry[],
): Pick<ManifestBody, 'entries' | 'groups' | 'slotHashes'> {
  const sorted = [...entries].sort((a, b) => compareBytes(a.entryHash, b.entryHash));
  const groups = new Map<string, CandidateGroup>();
  const slots = new Map<bigint, Hash>();
  for (const { checked, slotHash } of sorted) {
    const group = groupOf(knowledge, checked);
    if (group !== undefined) groups.set(toHex(groupKey(group)), group);
    slots.set(checked.entry.dispatch.value.slot, slotHash);
  }
  return {
    entries: sorted.map(({ entryHash, checked }) => ({ entryHash, price: checked.entry.outcome.value.price })),
    groups: [...groups.values()].sort((a, b) => compareBytes(groupKey(a), groupKey(b))),
    slotHashes: [...slots].sort(([a], [b]) => (a < b ? -1 : 1)).map(([slot, slotHash]) => ({ slot, slotHash })),
  };
}

function groupOf(knowledge: ManifestKnowledge, checked: CheckedEntry): CandidateGroup | undefined {
  const { engineClass, modelId } = checked.entry.dispatch.value;
  return knowledge
    .snapshot(checked.epoch)
    ?.find((group) => equalBytes(group.engineClass, engineClass) && equalBytes(group.modelId, modelId));
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

/** V-11 to V-15: whether this validator attests a manifest whose body is that of the chain's hash. `entries` are those it accepted, by hex hash. */
export function checkManifest(
  knowledge: ManifestKnowledge & { readonly escrowAtEnd: (address: Uint8Array) => EscrowRow | undefined },
  check: { readonly body: ManifestBody; readonly entries: ReadonlyMap<string, StoredEntry> },
): ManifestFault | undefined {
  const { body } = check;
  const { epoch, earlier } = knowledge;
  const stored: StoredEntry[] = [];
  // V-11: every entry is held, was accepted, and stands there with its price.
  for (const { entryHash, price } of body.entries) {
    const one = check.entries.get(toHex(entryHash));
    if (one === undefined) return { verdict: 'missing', rule: 'V-11', facts: { entry: toHex(entryHash) } };
    if (one.checked.entry.outcome.value.price !== price) {
      return { verdict: 'reject', rule: 'V-11', facts: { entry: toHex(entryHash), price } };
    }
    stored.push(one);
  }
  // V-12: the entries may stand together, in this set.
  const [fault] = checkSet({ epoch, earlier, entries: stored.map(({ checked }) => checked) });
  if (fault !== undefined) return { verdict: 'reject', rule: fault.rule, facts: { entry: toHex(fault.entryHash) } };
  // V-13: the groups are those that the entries were drawn from, as this validator read them in their epochs.
  const lacking = stored.find(({ checked }) => knowledge.snapshot(checked.epoch) === undefined);
  if (lacking !== undefined) return { verdict: 'missing', rule: 'V-13', facts: { epoch: lacking.checked.epoch } };
  const expected = tablesOf(knowledge, stored);
  const tables = { ...expected, epoch, escrows: [] };
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
  const unlisted = stored.find(({ checked }) => !listed.has(toHex(checked.entry.ticket.value.escrow)));
  if (unlisted !== undefined) {
    return { verdict: 'reject', rule: 'V-15', facts: { escrow: toHex(unlisted.checked.entry.ticket.value.escrow) } };
  }
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
