import { KarmeshError } from '@karmesh/sdk/errors';
import {
  atOnce,
  type CandidateGroup,
  checkManifestOrder,
  checkSetSteps,
  compareBytes,
  type Domain,
  type ExclusionKey,
  encode,
  entriesAt,
  equalBytes,
  groupKey,
  type Hash,
  hashOrder,
  ITEMS_IN_A_STEP,
  type ManifestBody,
  manifestBodyCodec,
  manifestHashOf,
  manifestRoots,
  type SetEntries,
  type Steps,
  toHex,
} from '@karmesh/sdk/protocol';
import { type EscrowFacts, type EscrowRow, escrowRow, judgeEscrowRow } from './escrowRow.ts';
import type { ManifestRow } from './manifestRows.ts';

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

/**
 * E-31, P-12: the manifest of an epoch from what its proposer holds: entries dispatched in the epoch or the one before, without those
 * that exclude each other, groups and slot hashes that they used, and the balance of every escrow that may be debited.
 */
export function buildManifest(knowledge: ManifestKnowledge, held: HeldRows): ManifestBody {
  return atOnce(buildManifestSteps(knowledge, held));
}

interface HeldRows {
  readonly rows: SetEntries<ManifestRow>;
  /** Escrows of entries that wait for a tally, beside those of the set. */
  readonly carriedEscrows: readonly Uint8Array[];
}

/** The same with pauses: a set of a million receipts takes seconds. */
export function* buildManifestSteps(knowledge: ManifestKnowledge, held: HeldRows): Steps<ManifestBody> {
  const { epoch, earlier } = knowledge;
  const payable = yield* chosen(
    held.rows,
    ({ escrow, group }) => group !== undefined && knowledge.escrow(escrow) !== undefined,
  );
  const kept = yield* withoutFaults({ epoch, earlier, entries: payable });
  const carried = held.carriedEscrows.filter((address) => knowledge.escrow(address) !== undefined);
  const addresses = distinct([...(yield* distinctOf(kept, ({ escrow }) => escrow)), ...carried]);
  const tables = yield* tablesOf(kept);
  return {
    epoch,
    ...tables,
    escrows: addresses.flatMap((address): EscrowRow[] => {
      const escrow = knowledge.escrow(address);
      return escrow === undefined ? [] : [escrowRow(escrow, epoch)];
    }),
  };
}

/** Drops what may not stand until nothing is left to drop: an entry that goes may have been another's reason to stay (E-37). */
function* withoutFaults(set: {
  readonly epoch: bigint;
  readonly earlier: (key: ExclusionKey) => boolean;
  readonly entries: SetEntries<ManifestRow>;
}): Steps<SetEntries<ManifestRow>> {
  let { entries } = set;
  for (;;) {
    const faults = yield* checkSetSteps({ ...set, entries });
    if (faults.length === 0) return entries;
    const faulty = new Set(faults.map(({ entryHash }) => toHex(entryHash)));
    entries = yield* chosen(entries, ({ entryHash }) => !faulty.has(toHex(entryHash)));
  }
}

/** Those of which `isChosen` holds. */
function* chosen(
  rows: SetEntries<ManifestRow>,
  isChosen: (row: ManifestRow) => boolean,
): Steps<SetEntries<ManifestRow>> {
  const positions: number[] = [];
  for (let position = 0; position < rows.length; position++) {
    const row = rows.at(position);
    if (row !== undefined && isChosen(row)) positions.push(position);
    if (position % ITEMS_IN_A_STEP === ITEMS_IN_A_STEP - 1) yield;
  }
  return { length: positions.length, at: (i) => rows.at(positions[i] ?? rows.length) };
}

/** What the rows have of one kind, each once. */
function* distinctOf<V>(rows: SetEntries<ManifestRow>, of: (row: ManifestRow) => V): Steps<ReadonlySet<V>> {
  const values = new Set<V>();
  for (let position = 0; position < rows.length; position++) {
    const row = rows.at(position);
    if (row !== undefined) values.add(of(row));
    if (position % ITEMS_IN_A_STEP === ITEMS_IN_A_STEP - 1) yield;
  }
  return values;
}

/** The sorted lists of a manifest that its entries determine. */
function* tablesOf(rows: SetEntries<ManifestRow>): Steps<Pick<ManifestBody, 'entries' | 'groups' | 'slotHashes'>> {
  const entries: { readonly entryHash: Hash; readonly price: bigint }[] = [];
  const groups = new Set<CandidateGroup>();
  const slots = new Map<bigint, Hash>();
  const order = yield* hashOrder(rows);
  for (const { entryHash, price, group, slot, slotHash } of entriesAt(rows, order)) {
    entries.push({ entryHash, price });
    if (entries.length % ITEMS_IN_A_STEP === 0) yield;
    if (group !== undefined) groups.add(group);
    slots.set(slot, slotHash);
  }
  return {
    entries,
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

/** V-11 to V-15: whether this validator attests a manifest whose body is that of the chain's hash. `rows` are of those that it accepted, in the order of the body's entries, up to the first that is not held. */
export function checkManifest(knowledge: AttesterKnowledge, check: ManifestCheck): ManifestFault | undefined {
  return atOnce(checkManifestSteps(knowledge, check));
}

interface AttesterKnowledge extends ManifestKnowledge {
  readonly escrowAtEnd: (address: Uint8Array) => EscrowRow | undefined;
}

interface ManifestCheck {
  readonly body: ManifestBody;
  readonly rows: SetEntries<ManifestRow>;
}

/** The same with pauses. */
export function* checkManifestSteps(
  knowledge: AttesterKnowledge,
  check: ManifestCheck,
): Steps<ManifestFault | undefined> {
  const { body, rows: held } = check;
  const { epoch, earlier } = knowledge;
  // V-11: every entry is held, was accepted, and stands there with its price.
  for (const [i, { entryHash, price }] of body.entries.entries()) {
    const one = held.at(i);
    if (one === undefined) return { verdict: 'missing', rule: 'V-11', facts: { entry: toHex(entryHash) } };
    if (one.price !== price || !equalBytes(one.entryHash, entryHash)) {
      return { verdict: 'reject', rule: 'V-11', facts: { entry: toHex(entryHash), price } };
    }
    if (i % ITEMS_IN_A_STEP === ITEMS_IN_A_STEP - 1) yield;
  }
  // V-12: the entries may stand together, in this set.
  const [fault] = yield* checkSetSteps({ epoch, earlier, entries: held });
  if (fault !== undefined) return { verdict: 'reject', rule: fault.rule, facts: { entry: toHex(fault.entryHash) } };
  // V-13: the groups are those that the entries were drawn from, as this validator read them in their epochs.
  const lacking = [...(yield* distinctOf(held, (row) => row.epoch))].find((of) => knowledge.snapshot(of) === undefined);
  if (lacking !== undefined) return { verdict: 'missing', rule: 'V-13', facts: { epoch: lacking } };
  const expected = yield* tablesOf(held);
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
  const unlisted = [...(yield* distinctOf(held, ({ escrow }) => escrow))].find((escrow) => !listed.has(toHex(escrow)));
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
