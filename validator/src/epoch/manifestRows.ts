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
const HASH_BYTES = 32;
const ROW_BYTES = 132;
/** A worker's name (32 bits), its epoch and its counter (64 bits each). */
const COUNTER_BYTES = 20;

export function packedRows(): PackedRows {
  const table: Table = {
    rows: records(ROW_BYTES),
    counters: records(COUNTER_BYTES),
    names: numbered(),
    slotHashes: numbered(),
    escrows: numbered(),
    groups: numbered(),
  };
  return {
    get length() {
      return table.rows.count();
    },
    at: (position) => (position < table.rows.count() ? new PackedRow(table, table.rows.at(position)) : undefined),
    add: (row) => pack(table, row),
  };
}

interface Table {
  readonly rows: Records;
  readonly counters: Records;
  readonly names: Numbered<string>;
  readonly slotHashes: Numbered<Hash>;
  readonly escrows: Numbered<EscrowAddress>;
  readonly groups: Numbered<CandidateGroup | undefined>;
}

function pack(table: Table, row: ManifestRow): void {
  const record = table.rows.add();
  const bytes = new Uint8Array(record.buffer, record.byteOffset, ROW_BYTES);
  bytes.set(row.entryHash, AT.entryHash);
  for (let i = 0; i < HASH_BYTES; i++) bytes[AT.requestId + i] = row.requestId.charCodeAt(i);
  const wide = [row.epoch, BigInt(row.ticketNumber), row.slot, row.issuedAtMs, row.price];
  for (const [i, value] of wide.entries()) record.setBigUint64(AT.wide + 8 * i, value, true);
  const narrow = [
    row.dispatchNumber,
    table.names.numberOf(row.gateway),
    table.slotHashes.numberOf(row.slotHash),
    table.escrows.numberOf(row.escrow),
    table.groups.numberOf(row.group),
    table.counters.count(),
    row.counters.length,
  ];
  for (const [i, value] of narrow.entries()) record.setUint32(AT.narrow + 4 * i, value, true);
  for (const { worker, epoch, counter } of row.counters) {
    const kept = table.counters.add();
    kept.setUint32(0, table.names.numberOf(worker), true);
    kept.setBigUint64(4, epoch, true);
    kept.setBigUint64(12, BigInt(counter), true);
  }
}

/** A row of a table, which reads what is asked of it. */
class PackedRow implements ManifestRow {
  readonly #table: Table;
  readonly #record: DataView;

  constructor(table: Table, record: DataView) {
    this.#table = table;
    this.#record = record;
  }
  get entryHash(): Hash {
    return this.#bytes(AT.entryHash).slice();
  }
  get requestId(): string {
    return String.fromCharCode(...this.#bytes(AT.requestId));
  }
  get epoch(): bigint {
    return this.#wide(0);
  }
  get ticketNumber(): number | bigint {
    return countOf(this.#wide(1));
  }
  get slot(): bigint {
    return this.#wide(2);
  }
  get issuedAtMs(): bigint {
    return this.#wide(3);
  }
  get price(): bigint {
    return this.#wide(4);
  }
  get dispatchNumber(): number {
    return this.#narrow(0);
  }
  get gateway(): string {
    return this.#table.names.at(this.#narrow(1));
  }
  get slotHash(): Hash {
    return this.#table.slotHashes.at(this.#narrow(2));
  }
  get escrow(): EscrowAddress {
    return this.#table.escrows.at(this.#narrow(3));
  }
  get group(): CandidateGroup | undefined {
    return this.#table.groups.at(this.#narrow(4));
  }
  get counters(): ManifestRow['counters'] {
    const { counters, names } = this.#table;
    return Array.from({ length: this.#narrow(6) }, (_, i) => {
      const kept = counters.at(this.#narrow(5) + i);
      return {
        worker: names.at(kept.getUint32(0, true)),
        epoch: kept.getBigUint64(4, true),
        counter: countOf(kept.getBigUint64(12, true)),
      };
    });
  }
  #bytes(at: number): Uint8Array {
    return new Uint8Array(this.#record.buffer, this.#record.byteOffset + at, HASH_BYTES);
  }
  #wide(i: number): bigint {
    return this.#record.getBigUint64(AT.wide + 8 * i, true);
  }
  #narrow(i: number): number {
    return this.#record.getUint32(AT.narrow + 4 * i, true);
  }
}

interface Numbered<T> {
  numberOf(value: T): number;
  at(number: number): T;
}

/** Values by numbers that are given out in order. */
function numbered<T>(): Numbered<T> {
  const numbers = new Map<T, number>();
  const values: T[] = [];
  return {
    numberOf(value) {
      const known = numbers.get(value);
      if (known !== undefined) return known;
      numbers.set(value, values.length);
      return values.push(value) - 1;
    },
    at: (number) => values[number] as T,
  };
}

const BLOCK_RECORDS = 4096;

/** Records of one size, in blocks, so that growing copies nothing. */
interface Records {
  count(): number;
  at(position: number): DataView;
  add(): DataView;
}

function records(size: number): Records {
  const blocks: ArrayBuffer[] = [];
  let count = 0;
  const at = (position: number): DataView =>
    new DataView(blocks[Math.floor(position / BLOCK_RECORDS)] as ArrayBuffer, size * (position % BLOCK_RECORDS), size);
  return {
    count: () => count,
    at,
    add() {
      if (count === blocks.length * BLOCK_RECORDS) blocks.push(new ArrayBuffer(size * BLOCK_RECORDS));
      count += 1;
      return at(count - 1);
    },
  };
}
