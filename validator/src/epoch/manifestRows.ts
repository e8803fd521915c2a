import {
  type CandidateGroup,
  countOf,
  type EscrowAddress,
  equalBytes,
  type Hash,
  type SetEntries,
  type SetEntry,
  setEntryReader,
  toHex,
} from '@karmesh/sdk/protocol';
import type { StoredEntry } from '../store/epochRecords.ts';

/** What of a stored entry decides whether it stands in a set and what the set's tables hold: all that a manifest's maker or judge keeps of it. */
export interface ManifestRow extends SetEntry {
  readonly price: bigint;
  readonly slotHash: Hash;
  readonly escrow: EscrowAddress;
  /** Its group in this validator's snapshot of its epoch; undefined if there is none. */
  readonly group: CandidateGroup | undefined;
}

/** Reads stored entries for `buildManifest` and `checkManifest`. Rows of one reader share what is equal in many of them. */
export function manifestRowReader(knowledge: {
  readonly snapshot: (epoch: bigint) => readonly CandidateGroup[] | undefined;
}): (stored: Pick<StoredEntry, 'checked' | 'slotHash'>) => ManifestRow {
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

/** Rows in some 190 bytes each, where objects take 900: a set has up to a million of them (E-30). */
export interface PackedRows extends SetEntries<ManifestRow> {
  /** What the rows of one reader share is kept once. */
  add(row: ManifestRow): void;
}

/** Where the fields of a row stand: two hashes, then five numbers of 64 bits and seven of 32. */
const AT = { entryHash: 0, requestId: 32, wide: 64, narrow: 104 } as const;
const ROW_BYTES = 132;
/** A worker's name (32 bits), its epoch and its counter (64 bits each). */
const COUNTER_BYTES = 20;

export function packedRows(): PackedRows {
  const rows = records(ROW_BYTES);
  const counters = records(COUNTER_BYTES);
  const shared = {
    names: numbered<string>(),
    slotHashes: numbered<Hash>(),
    escrows: numbered<EscrowAddress>(),
    groups: numbered<CandidateGroup | undefined>(),
  };

  function add(row: ManifestRow): void {
    const record = rows.add();
    const bytes = new Uint8Array(record.buffer, record.byteOffset, ROW_BYTES);
    bytes.set(row.entryHash, AT.entryHash);
    for (let i = 0; i < 32; i++) bytes[AT.requestId + i] = row.requestId.charCodeAt(i);
    const wide = [row.epoch, BigInt(row.ticketNumber), row.slot, row.issuedAtMs, row.price];
    for (const [i, value] of wide.entries()) record.setBigUint64(AT.wide + 8 * i, value, true);
    const narrow = [
      row.dispatchNumber,
      shared.names.numberOf(row.gateway),
      shared.slotHashes.numberOf(row.slotHash),
      shared.escrows.numberOf(row.escrow),
      shared.groups.numberOf(row.group),
      counters.count(),
      row.counters.length,
    ];
    for (const [i, value] of narrow.entries()) record.setUint32(AT.narrow + 4 * i, value, true);
    for (const { worker, epoch, counter } of row.counters) {
      const kept = counters.add();
      kept.setUint32(0, shared.names.numberOf(worker), true);
      kept.setBigUint64(4, epoch, true);
      kept.setBigUint64(12, BigInt(counter), true);
    }
  }

  /** A row that reads what is asked of it. */
  function rowAt(record: DataView): ManifestRow {
    const bytes = (at: number): Uint8Array => new Uint8Array(record.buffer, record.byteOffset + at, 32);
    const wide = (i: number): bigint => record.getBigUint64(AT.wide + 8 * i, true);
    const narrow = (i: number): number => record.getUint32(AT.narrow + 4 * i, true);
    return {
      get entryHash() {
        return bytes(AT.entryHash).slice();
      },
      get requestId() {
        return String.fromCharCode(...bytes(AT.requestId));
      },
      get epoch() {
        return wide(0);
      },
      get ticketNumber() {
        return countOf(wide(1));
      },
      get slot() {
        return wide(2);
      },
      get issuedAtMs() {
        return wide(3);
      },
      get price() {
        return wide(4);
      },
      get dispatchNumber() {
        return narrow(0);
      },
      get gateway() {
        return shared.names.at(narrow(1));
      },
      get slotHash() {
        return shared.slotHashes.at(narrow(2));
      },
      get escrow() {
        return shared.escrows.at(narrow(3));
      },
      get group() {
        return shared.groups.at(narrow(4));
      },
      get counters() {
        return Array.from({ length: narrow(6) }, (_, i) => {
          const kept = counters.at(narrow(5) + i);
          return {
            worker: shared.names.at(kept.getUint32(0, true)),
            epoch: kept.getBigUint64(4, true),
            counter: countOf(kept.getBigUint64(12, true)),
          };
        });
      },
    };
  }

  return {
    get length() {
      return rows.count();
    },
    at: (position) => (position < rows.count() ? rowAt(rows.at(position)) : undefined),
    add,
  };
}

/** Values by numbers that are given out in order. */
function numbered<T>() {
  const numbers = new Map<T, number>();
  const values: T[] = [];
  return {
    numberOf(value: T): number {
      const known = numbers.get(value);
      if (known !== undefined) return known;
      numbers.set(value, values.length);
      return values.push(value) - 1;
    },
    at: (number: number): T => values[number] as T,
  };
}

const BLOCK_RECORDS = 4096;

/** Records of one size, in blocks, so that growing copies nothing. */
function records(size: number) {
  const blocks: ArrayBuffer[] = [];
  let count = 0;
  const at = (position: number): DataView =>
    new DataView(blocks[Math.floor(position / BLOCK_RECORDS)] as ArrayBuffer, size * (position % BLOCK_RECORDS), size);
  return {
    count: () => count,
    at,
    add(): DataView {
      if (count === blocks.length * BLOCK_RECORDS) blocks.push(new ArrayBuffer(size * BLOCK_RECORDS));
      count += 1;
      return at(count - 1);
    },
  };
}
