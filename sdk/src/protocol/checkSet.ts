import { compareBytes, toHex } from './bytes.ts';
import type { CheckedEntry } from './checkEntry.ts';
import type { Hash } from './hash.ts';
import { atOnce, ITEMS_IN_A_STEP, type Steps } from './steps.ts';

/** A number of 64 bits: as a plain number where that is exact, which takes no memory of its own. */
type Count = number | bigint;

/**
 * What of an entry decides whether it may stand in a set (E-33 to E-37): some 600 bytes in place of ten thousand. Gateways and workers are named by the hexadecimal of their addresses.
 */
export interface SetEntry {
  readonly entryHash: Hash;
  readonly epoch: bigint;
  readonly gateway: string;
  readonly ticketNumber: Count;
  readonly dispatchNumber: number;
  readonly requestId: string;
  readonly slot: bigint;
  readonly issuedAtMs: bigint;
  readonly counters: readonly { readonly worker: string; readonly epoch: bigint; readonly counter: Count }[];
}

/** Entries of a set by position; an array is one, and so is a packed table that makes each anew. */
export interface SetEntries<T extends Pick<SetEntry, 'entryHash'> = SetEntry> {
  readonly length: number;
  at(position: number): T | undefined;
}

/** Reads entries for `checkSet`. Of the names of participants, which are few, the entries of one reader share one copy. */
export function setEntryReader(): (checked: CheckedEntry) => SetEntry {
  const names = new Map<string, string>();
  const nameOf = (address: Uint8Array): string => {
    const hex = toHex(address);
    const known = names.get(hex);
    if (known !== undefined) return known;
    names.set(hex, hex);
    return hex;
  };
  return ({ entry, entryHash, epoch }) => {
    const ticket = entry.ticket.value;
    const dispatch = entry.dispatch.value;
    return {
      entryHash,
      epoch,
      gateway: nameOf(ticket.gateway),
      ticketNumber: countOf(ticket.ticketNumber),
      // E-14 bounds it by the chain's length.
      dispatchNumber: Number(dispatch.dispatchNumber),
      requestId: bytesAsText(ticket.requestId),
      slot: dispatch.slot,
      issuedAtMs: ticket.issuedAtMs,
      counters: entry.evidence.receipts.map(({ receipt: { value } }) => ({
        worker: nameOf(value.worker),
        epoch: value.epoch,
        counter: countOf(value.counter),
      })),
    };
  };
}

/** E-33 to E-37 for entries that are at hand whole. */
export function setEntriesOf(entries: Iterable<CheckedEntry>): readonly SetEntry[] {
  const read = setEntryReader();
  return Array.from(entries, read);
}

/** A number of 64 bits as `SetEntry` has it. */
export function countOf(value: bigint): Count {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** One character a byte: a quarter of the memory that a byte array of this length takes. */
function bytesAsText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Why an entry cannot stand in a set beside the others. */
export interface SetFault {
  readonly rule: string;
  readonly entryHash: Hash;
}

/** What an entry takes for itself: one item of a list that has its owner's name. */
export interface ExclusionKey {
  readonly rule: 'E-33' | 'E-34';
  readonly list: string;
  readonly item: Count | string;
}

/**
 * E-33 and E-34: what an entry takes for itself, so that no other may have it: its dispatch number, its ticket, its request and the
 * counters of its receipts. Each key names its gateway or worker, so that nobody can take another's. Signatures stay out: who
 * signs anew makes another entry hash out of the same work.
 */
export function exclusionKeys(entry: SetEntry): readonly ExclusionKey[] {
  const { gateway, epoch, dispatchNumber, ticketNumber, requestId, counters } = entry;
  return [
    dispatchKey(gateway, epoch, dispatchNumber),
    { rule: 'E-33', list: `ticket ${gateway}`, item: ticketNumber },
    { rule: 'E-33', list: `request ${gateway}`, item: requestId },
    ...counters.map(({ worker, epoch: of, counter }) => ({
      rule: 'E-34' as const,
      list: `counter ${worker} ${of}`,
      item: counter,
    })),
  ];
}

function dispatchKey(gateway: string, epoch: bigint, dispatchNumber: number): ExclusionKey {
  return { rule: 'E-33', list: `dispatch ${gateway} ${epoch}`, item: dispatchNumber };
}

/** The exclusion keys of a set. */
export interface ExclusionSet {
  add(keys: readonly ExclusionKey[]): void;
  has(key: ExclusionKey): boolean;
}

export function exclusionSet(entries: Iterable<SetEntry> = []): ExclusionSet {
  const lists = new Map<string, Set<Count | string>>();
  const add = (keys: readonly ExclusionKey[]): void => {
    for (const { list, item } of keys) {
      const items = lists.get(list);
      if (items === undefined) lists.set(list, new Set([item]));
      else items.add(item);
    }
  };
  for (const entry of entries) add(exclusionKeys(entry));
  return { add, has: ({ list, item }) => lists.get(list)?.has(item) === true };
}

/** E-37: how many dispatch numbers below one may be missing: this many, and one more for each eight numbers. */
const MISSING_ALLOWED = 16;

/** The positions of entries by their hashes, the least first. */
export function* hashOrder(entries: SetEntries<Pick<SetEntry, 'entryHash'>>): Steps<Uint32Array> {
  // The first 48 bits decide nearly always, and are compared as numbers.
  const prefixes = new Float64Array(entries.length);
  for (let position = 0; position < entries.length; position++) {
    prefixes[position] = prefixOf(entries.at(position)?.entryHash);
    if (position % ITEMS_IN_A_STEP === ITEMS_IN_A_STEP - 1) yield;
  }
  const bytesAt = (position: number): Uint8Array => entries.at(position)?.entryHash ?? new Uint8Array(0);
  return Uint32Array.from(prefixes.keys()).sort(
    (a, b) => (prefixes[a] ?? 0) - (prefixes[b] ?? 0) || compareBytes(bytesAt(a), bytesAt(b)),
  );
}

function prefixOf(bytes: Uint8Array | undefined): number {
  let prefix = 0;
  for (let i = 0; i < 6; i++) prefix = 256 * prefix + (bytes?.[i] ?? 0);
  return prefix;
}

/** The entries at these positions, one after the other. */
export function* entriesAt<T extends Pick<SetEntry, 'entryHash'>>(
  entries: SetEntries<T>,
  positions: Iterable<number>,
): Generator<T> {
  for (const position of positions) {
    const entry = entries.at(position);
    if (entry !== undefined) yield entry;
  }
}

/**
 * E-33 to E-37: what only the whole set shows. `entries` in any order; `earlier` answers whether an exclusion key belongs to an
 * entry of the previous set. Returns the entries that must not stand: of two that exclude each other the one with the greater
 * hash, so that everybody who holds the same entries keeps the same ones. Of entries whose table makes each anew, those of one gateway
 * are held at a time.
 */
export function checkSet(options: SetCheck): readonly SetFault[] {
  return atOnce(checkSetSteps(options));
}

export interface SetCheck {
  readonly epoch: bigint;
  readonly entries: SetEntries;
  readonly earlier: (key: ExclusionKey) => boolean;
}

/** The same with pauses: a set of a million receipts takes seconds. */
export function* checkSetSteps(options: SetCheck): Steps<readonly SetFault[]> {
  const { entries } = options;
  const faults: SetFault[] = [];
  const seen = exclusionSet();
  const kept = new Map<string, number[]>();
  const order = yield* hashOrder(entries);
  for (const [count, position] of order.entries()) {
    if (count % ITEMS_IN_A_STEP === ITEMS_IN_A_STEP - 1) yield;
    const item = entries.at(position);
    if (item === undefined) continue;
    const { epoch, entryHash, gateway } = item;
    const keys = exclusionKeys(item);
    const late = epoch !== options.epoch && epoch !== options.epoch - 1n;
    const repeated = keys.find(seen.has);
    // E-35: an entry stands in the set of its epoch or of the next one, once, whoever signs it anew.
    if (late || keys.some(options.earlier)) faults.push({ rule: 'E-35', entryHash });
    else if (repeated !== undefined) faults.push({ rule: repeated.rule, entryHash });
    else {
      seen.add(keys);
      const positions = kept.get(gateway);
      if (positions === undefined) kept.set(gateway, [position]);
      else positions.push(position);
    }
  }
  const ordered: SetFault[] = [];
  for (const positions of kept.values()) {
    const items = [...entriesAt(entries, positions)];
    const fallen = backdated(items);
    ordered.push(...fallen, ...leftOut(items, { without: fallen, earlier: options.earlier }));
    yield;
  }
  const distinct = new Map<string, SetFault>();
  for (const fault of ordered) if (!distinct.has(toHex(fault.entryHash))) distinct.set(toHex(fault.entryHash), fault);
  return [...faults, ...distinct.values()];
}

function inDispatchOrder(items: readonly SetEntry[]): readonly SetEntry[] {
  return [...items].sort((a, b) => compareCounts(a.epoch, b.epoch) || a.dispatchNumber - b.dispatchNumber);
}

/** E-36: along a gateway's consecutive numbers neither ticket times nor dispatch slots run backwards: a later number with an earlier time is backdated. */
function backdated(items: readonly SetEntry[]): readonly SetFault[] {
  const faults: SetFault[] = [];
  let latestIssue = 0n;
  const byTicket = [...items].sort((a, b) => compareCounts(a.ticketNumber, b.ticketNumber));
  for (const { issuedAtMs, entryHash } of byTicket) {
    if (issuedAtMs < latestIssue) faults.push({ rule: 'E-36', entryHash });
    else latestIssue = issuedAtMs;
  }
  let latestSlot = 0n;
  for (const { slot, entryHash } of inDispatchOrder(items)) {
    if (slot < latestSlot) faults.push({ rule: 'E-36', entryHash });
    else latestSlot = slot;
  }
  return faults;
}

/**
 * E-37: a gateway knows all its preimages, so it could compute many draws for one slot and use only the number that draws its
 * friends. An entry stands only if nearly all lower dispatch numbers of its epoch are in this set or the previous one; who lost
 * a few in a crash keeps the rest, and what was still running at close makes room in the next set. What falls by E-36 or by
 * this rule is missing for the numbers above it, so that what is left needs no second look.
 */
function leftOut(
  items: readonly SetEntry[],
  known: { readonly without: readonly SetFault[]; readonly earlier: (key: ExclusionKey) => boolean },
): readonly SetFault[] {
  const without = new Set(known.without.map(({ entryHash }) => toHex(entryHash)));
  const faults: SetFault[] = [];
  let epoch: bigint | undefined;
  let next = 1;
  let missing = 0;
  for (const { epoch: of, dispatchNumber, gateway, entryHash } of inDispatchOrder(items)) {
    if (of !== epoch) {
      epoch = of;
      next = 1;
      missing = 0;
    }
    for (; next < dispatchNumber; next++) if (!known.earlier(dispatchKey(gateway, of, next))) missing++;
    next = dispatchNumber + 1;
    const isMissing = missing > MISSING_ALLOWED + Math.floor(dispatchNumber / 8);
    if (isMissing) faults.push({ rule: 'E-37', entryHash });
    if (isMissing || (without.size > 0 && without.has(toHex(entryHash)))) missing++;
  }
  return faults;
}

function compareCounts(a: Count, b: Count): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
