import { KarmeshError } from '../errors.ts';
import { type CandidateGroup, candidateGroupCodec, candidateGroupLeaf } from './assignment.ts';
import { compareBytes, toHex, u64le } from './bytes.ts';
import type { CheckedEntry } from './checkEntry.ts';
import { type Decoded, struct, u32, u64, vector } from './codec.ts';
import { entryHashOf } from './entry.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import { type Domain, header, KIND } from './header.ts';
import { escrowCodec, participantCodec } from './ids.ts';
import { type SumNode, type SumTree, sumTree } from './merkle.ts';

/** E-30: bounds of one epoch's set. */
export const MAX_SET_ENTRIES = 1 << 20;
const MAX_GROUPS = 1024;
const MAX_SLOT_HASHES = 1 << 16;
const MAX_ESCROWS = 1 << 16;

/** E-31: what the roots of `close_epoch` stand for. Every list is sorted and without repetition: entries by hash, groups by (epoch, class, model), slots, escrows by address. */
export const manifestBodyCodec = struct({
  epoch: u64,
  entries: vector(struct({ entryHash: hashCodec, price: u64 }), MAX_SET_ENTRIES),
  groups: vector(candidateGroupCodec, MAX_GROUPS),
  slotHashes: vector(struct({ slot: u64, slotHash: hashCodec }), MAX_SLOT_HASHES),
  /** `available` lamports at close, `cumulativeDebit` as the account had it then. */
  escrows: vector(
    struct({ escrow: escrowCodec, gateway: participantCodec, available: u64, cumulativeDebit: u64 }),
    MAX_ESCROWS,
  ),
});
export type ManifestBody = Decoded<typeof manifestBodyCodec>;

/** The arguments of `close_epoch` after the epoch (P-12). */
export const manifestRecord = header(
  KIND.manifest,
  struct({
    epoch: u64,
    receiptSetRoot: hashCodec,
    entryCount: u32,
    candidatesRoot: hashCodec,
    slotHashesRoot: hashCodec,
    escrowsRoot: hashCodec,
  }),
);
export type ManifestRoots = Decoded<typeof manifestRecord.fields>;

const LEAF = new Uint8Array([0]);

/** E-32: the leaf of an entry in the receipt set: its price in lamports is the sum. */
export function entryLeaf(
  domain: Domain,
  place: { readonly epoch: bigint; readonly entryHash: Hash; readonly price: bigint },
): SumNode {
  return { hash: hash(LEAF, domain, u64le(place.epoch), place.entryHash), sums: [place.price] };
}

/** E-32: the Merkle-sum tree over a receipt set. */
export function receiptSetTree(domain: Domain, body: Pick<ManifestBody, 'epoch' | 'entries'>): SumTree {
  return sumTree(
    body.entries.map(({ entryHash, price }) => entryLeaf(domain, { epoch: body.epoch, entryHash, price })),
    1,
  );
}

/** the tree over the candidate groups of a manifest. */
export function candidateGroupsTree(domain: Domain, groups: readonly CandidateGroup[]): SumTree {
  return sumTree(
    groups.map((group) => candidateGroupLeaf(domain, group)),
    1,
  );
}

/** the leaf of a slot hash; no sums. */
export function slotHashLeaf(domain: Domain, slot: { readonly slot: bigint; readonly slotHash: Hash }): SumNode {
  return { hash: hash(LEAF, domain, u64le(slot.slot), slot.slotHash), sums: [] };
}

/** the tree over the slot hashes that the set's dispatches used. */
export function slotHashesTree(domain: Domain, slotHashes: ManifestBody['slotHashes']): SumTree {
  return sumTree(
    slotHashes.map((slot) => slotHashLeaf(domain, slot)),
    0,
  );
}

/** M-02: the tree over the escrows' balances at close. */
export function escrowsTree(domain: Domain, body: Pick<ManifestBody, 'epoch' | 'escrows'>): SumTree {
  return sumTree(
    body.escrows.map(
      (row): SumNode => ({
        hash: hash(
          LEAF,
          domain,
          u64le(body.epoch),
          row.escrow,
          row.gateway,
          u64le(row.available),
          u64le(row.cumulativeDebit),
        ),
        sums: [row.available],
      }),
    ),
    1,
  );
}

/** E-31: the roots of a manifest's body. */
export function manifestRoots(domain: Domain, body: ManifestBody): ManifestRoots {
  return {
    epoch: body.epoch,
    receiptSetRoot: receiptSetTree(domain, body).root.hash,
    entryCount: body.entries.length,
    candidatesRoot: candidateGroupsTree(domain, body.groups).root.hash,
    slotHashesRoot: slotHashesTree(domain, body.slotHashes).root.hash,
    escrowsRoot: escrowsTree(domain, body).root.hash,
  };
}

/** P-12: what validators attest. */
export function manifestHashOf(domain: Domain, roots: ManifestRoots): Hash {
  return manifestRecord.hash(domain, roots);
}

/** E-31: throws `CODEC` unless every list of a received manifest is strictly sorted. */
export function checkManifestOrder(body: ManifestBody): void {
  const strictly = (what: string, keys: readonly Uint8Array[]): void => {
    for (let i = 1; i < keys.length; i++) {
      const [before, here] = [keys[i - 1], keys[i]];
      if (before !== undefined && here !== undefined && compareBytes(before, here) >= 0) {
        throw new KarmeshError('CODEC', 'A list of a manifest is not sorted or repeats itself.', {
          list: what,
          position: i,
        });
      }
    }
  };
  strictly(
    'entries',
    body.entries.map(({ entryHash }) => entryHash),
  );
  strictly('groups', body.groups.map(groupKey));
  strictly(
    'slotHashes',
    body.slotHashes.map(({ slot }) => u64le(slot).reverse()),
  );
  strictly(
    'escrows',
    body.escrows.map(({ escrow }) => escrow),
  );
}

/** The sort key of a group: epoch, engine class, model. */
export function groupKey(group: Pick<CandidateGroup, 'epoch' | 'engineClass' | 'modelId'>): Uint8Array {
  const key = new Uint8Array(72);
  key.set(u64le(group.epoch).reverse());
  key.set(group.engineClass, 8);
  key.set(group.modelId, 40);
  return key;
}

/** Why an entry cannot stand in a set beside the others. */
export interface SetFault {
  readonly rule: string;
  readonly entryHash: Hash;
}

/**
 * E-33 and E-34: what an entry takes for itself, so that no other may have it: its dispatch number, its ticket, its request and the
 * counters of its receipts. Each key names its gateway or worker, so that nobody can take another's. Signatures stay out: who
 * signs anew makes another entry hash out of the same work.
 */
export function exclusionKeys(
  checked: CheckedEntry,
): readonly { readonly rule: 'E-33' | 'E-34'; readonly key: string }[] {
  const { entry, epoch } = checked;
  const ticket = entry.ticket.value;
  const gateway = toHex(ticket.gateway);
  return [
    { rule: 'E-33', key: dispatchKey(gateway, epoch, entry.dispatch.value.dispatchNumber) },
    { rule: 'E-33', key: `ticket ${gateway} ${ticket.ticketNumber}` },
    { rule: 'E-33', key: `request ${gateway} ${toHex(ticket.requestId)}` },
    ...entry.evidence.receipts.map(({ receipt }) => ({
      rule: 'E-34' as const,
      key: `counter ${toHex(receipt.value.worker)} ${receipt.value.epoch} ${receipt.value.counter}`,
    })),
  ];
}

function dispatchKey(gateway: string, epoch: bigint, dispatchNumber: bigint): string {
  return `dispatch ${gateway} ${epoch} ${dispatchNumber}`;
}

/** E-37: how many dispatch numbers below one may be missing: this many, and one more for each eight numbers. */
const MISSING_ALLOWED = 16n;

interface Kept {
  readonly checked: CheckedEntry;
  readonly entryHash: Hash;
}

/**
 * E-33 to E-37: what only the whole set shows. `entries` in any order; `earlier` answers whether an exclusion key belongs to an
 * entry of the previous set. Returns the entries that must not stand: of two that exclude each other the one with the greater
 * hash, so that everybody who holds the same entries keeps the same ones.
 */
export function checkSet(options: {
  readonly epoch: bigint;
  readonly entries: readonly CheckedEntry[];
  readonly earlier: (exclusionKey: string) => boolean;
}): readonly SetFault[] {
  const faults: SetFault[] = [];
  const seen = new Set<string>();
  const hashed: Kept[] = options.entries.map((checked) => ({ checked, entryHash: entryHashOf(checked.entry) }));
  hashed.sort((a, b) => compareBytes(a.entryHash, b.entryHash));
  const kept: Kept[] = [];
  for (const item of hashed) {
    const { epoch } = item.checked;
    const keys = exclusionKeys(item.checked);
    const late = epoch !== options.epoch && epoch !== options.epoch - 1n;
    const repeated = keys.find(({ key }) => seen.has(key));
    // E-35: an entry stands in the set of its epoch or of the next one, once, whoever signs it anew.
    if (late || keys.some(({ key }) => options.earlier(key))) faults.push({ rule: 'E-35', entryHash: item.entryHash });
    else if (repeated !== undefined) faults.push({ rule: repeated.rule, entryHash: item.entryHash });
    else {
      for (const { key } of keys) seen.add(key);
      kept.push(item);
    }
  }
  const ordered = byGateway(kept).flatMap((items) => {
    const fallen = backdated(items);
    return [...fallen, ...leftOut(items, { without: fallen, earlier: options.earlier })];
  });
  const distinct = new Map<string, SetFault>();
  for (const fault of ordered) if (!distinct.has(toHex(fault.entryHash))) distinct.set(toHex(fault.entryHash), fault);
  return [...faults, ...distinct.values()];
}

function byGateway(kept: readonly Kept[]): readonly (readonly Kept[])[] {
  const gateways = new Map<string, Kept[]>();
  for (const item of kept) {
    const key = toHex(item.checked.entry.ticket.value.gateway);
    const items = gateways.get(key);
    if (items === undefined) gateways.set(key, [item]);
    else items.push(item);
  }
  return [...gateways.values()];
}

function inDispatchOrder(items: readonly Kept[]): readonly Kept[] {
  return [...items].sort(
    (a, b) =>
      compareNumbers(a.checked.epoch, b.checked.epoch) ||
      compareNumbers(a.checked.entry.dispatch.value.dispatchNumber, b.checked.entry.dispatch.value.dispatchNumber),
  );
}

/** E-36: along a gateway's consecutive numbers neither ticket times nor dispatch slots run backwards: a later number with an earlier time is backdated. */
function backdated(items: readonly Kept[]): readonly SetFault[] {
  const faults: SetFault[] = [];
  let latestIssue = 0n;
  const byTicket = [...items].sort((a, b) =>
    compareNumbers(a.checked.entry.ticket.value.ticketNumber, b.checked.entry.ticket.value.ticketNumber),
  );
  for (const item of byTicket) {
    const { issuedAtMs } = item.checked.entry.ticket.value;
    if (issuedAtMs < latestIssue) faults.push({ rule: 'E-36', entryHash: item.entryHash });
    else latestIssue = issuedAtMs;
  }
  let latestSlot = 0n;
  for (const item of inDispatchOrder(items)) {
    const { slot } = item.checked.entry.dispatch.value;
    if (slot < latestSlot) faults.push({ rule: 'E-36', entryHash: item.entryHash });
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
  items: readonly Kept[],
  known: { readonly without: readonly SetFault[]; readonly earlier: (exclusionKey: string) => boolean },
): readonly SetFault[] {
  const without = new Set(known.without.map(({ entryHash }) => toHex(entryHash)));
  const faults: SetFault[] = [];
  let epoch: bigint | undefined;
  let next = 1n;
  let missing = 0n;
  for (const item of inDispatchOrder(items)) {
    if (item.checked.epoch !== epoch) {
      epoch = item.checked.epoch;
      next = 1n;
      missing = 0n;
    }
    const { dispatchNumber } = item.checked.entry.dispatch.value;
    const gateway = toHex(item.checked.entry.ticket.value.gateway);
    // E-14 bounds the number by the chain's length.
    for (; next < dispatchNumber; next++) if (!known.earlier(dispatchKey(gateway, item.checked.epoch, next))) missing++;
    next = dispatchNumber + 1n;
    const isMissing = missing > MISSING_ALLOWED + dispatchNumber / 8n;
    if (isMissing) faults.push({ rule: 'E-37', entryHash: item.entryHash });
    if (isMissing || without.has(toHex(item.entryHash))) missing++;
  }
  return faults;
}

function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
