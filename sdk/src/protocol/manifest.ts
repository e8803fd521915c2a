import { KarmeshError } from '../errors.ts';
import { type CandidateGroup, candidateGroupCodec, candidateGroupLeaf } from './assignment.ts';
import { compareBytes, u64le } from './bytes.ts';
import { type Decoded, struct, u32, u64, vector } from './codec.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import { type Domain, header, KIND } from './header.ts';
import { escrowCodec, participantCodec } from './ids.ts';
import { type SumNode, type SumTree, sumTree, sumTreeOf } from './merkle.ts';

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
  const { epoch, entries } = body;
  const leaf = (index: number): SumNode | undefined => {
    const row = entries[index];
    return row === undefined ? undefined : entryLeaf(domain, { epoch, ...row });
  };
  return sumTreeOf({ count: entries.length, leaf }, 1);
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
