import { KarmeshError } from '../errors.ts';
import { readU64le } from '../protocol/bytes.ts';

export interface SlotHash {
  readonly slot: bigint;
  readonly hash: Uint8Array;
}

/** The sysvar holds at most this many slots. */
const MAX_ENTRIES = 512;
const ENTRY_BYTES = 40;

/** The entries of the SlotHashes sysvar, the newest first. Throws `CODEC` on another layout. */
export function decodeSlotHashes(data: Uint8Array): readonly SlotHash[] {
  const count = data.length >= 8 ? readU64le(data) : -1n;
  if (count < 0n || count > BigInt(MAX_ENTRIES) || data.length < 8 + Number(count) * ENTRY_BYTES) {
    throw new KarmeshError('CODEC', 'The SlotHashes sysvar does not have its layout.', { bytes: data.length, count });
  }
  return Array.from({ length: Number(count) }, (_, i) => {
    const offset = 8 + i * ENTRY_BYTES;
    return { slot: readU64le(data, offset), hash: data.slice(offset + 8, offset + ENTRY_BYTES) };
  });
}
