import { equalBytes, type Hash } from '@karmesh/sdk/protocol';

const HASH_BYTES = 32;

/** Hashes by the order in which they came and back: 40 to 48 bytes each, where a map of their hexadecimal takes 150. */
export interface HashIndex {
  readonly count: number;
  /** Its position, counted from 0; undefined for one that is not there. */
  find(hash: Hash): number | undefined;
  at(position: number): Hash;
  /** `hash` must not be there yet. */
  add(hash: Hash): void;
}

/** Open addressing: a slot holds a position plus one, 0 if it is free; at most half of the slots are taken. */
export function hashIndex(): HashIndex {
  let hashes = new Uint8Array(64 * HASH_BYTES);
  let slots = new Uint32Array(128);
  let count = 0;
  const bytesAt = (position: number): Uint8Array => hashes.subarray(HASH_BYTES * position, HASH_BYTES * (position + 1));
  /** The slot of a hash, or the free one where it belongs. A hash is random already: its first bytes choose. */
  const slotOf = (hash: Hash): number => {
    const mask = slots.length - 1;
    let slot = ((hash[0] ?? 0) | ((hash[1] ?? 0) << 8) | ((hash[2] ?? 0) << 16) | ((hash[3] ?? 0) << 24)) & mask;
    for (;;) {
      const taken = slots[slot] ?? 0;
      if (taken === 0 || equalBytes(bytesAt(taken - 1), hash)) return slot;
      slot = (slot + 1) & mask;
    }
  };
  const grow = (): void => {
    const larger = new Uint8Array(2 * hashes.length);
    larger.set(hashes);
    hashes = larger;
    slots = new Uint32Array(2 * slots.length);
    for (let position = 0; position < count; position++) slots[slotOf(bytesAt(position))] = position + 1;
  };
  return {
    get count() {
      return count;
    },
    find(hash) {
      const taken = slots[slotOf(hash)] ?? 0;
      return taken === 0 ? undefined : taken - 1;
    },
    at: (position) => bytesAt(position).slice(),
    add(hash) {
      if (2 * (count + 1) > slots.length) grow();
      hashes.set(hash, HASH_BYTES * count);
      slots[slotOf(hash)] = count + 1;
      count += 1;
    },
  };
}
