import type { Block } from './event.ts';

/** How many slots SlotHashes remembers (solana-slot-hashes, MAX_ENTRIES). */
export const slotHashesEntries = 512;

/** How many blocks behind the newest finished one a transaction's blockhash may be (solana-clock, MAX_PROCESSING_AGE). */
export const maxBlockhashAge = 150;

/** The finished slots that programs and transactions can still refer to. */
export type Blocks = {
  /** Oldest first, at most 512. */
  all(): readonly Block[];
  latest(): Block | undefined;
  at(slot: number): Block | undefined;
  /** Whether a transaction may name this blockhash now. */
  isValid(blockhash: string): boolean;
  push(block: Block): void;
  /** The content of the SlotHashes sysvar: a u64 count, then u64 slot and 32 bytes of hash each, newest first, room for 512. */
  slotHashes(): Uint8Array;
};

export function createBlocks(): Blocks {
  let blocks: Block[] = [];
  const sysvar = new Uint8Array(8 + slotHashesEntries * 40);
  const view = new DataView(sysvar.buffer);
  const slotOf = new Map<string, number>();

  const latest = (): Block | undefined => blocks.at(-1);
  return {
    all: () => blocks,
    latest,
    at: (slot) => blocks.find((block) => block.slot === slot),
    isValid: (blockhash) => {
      const slot = slotOf.get(blockhash);
      return slot !== undefined && (latest()?.slot ?? 0) - slot <= maxBlockhashAge;
    },
    push: (block) => {
      blocks.push(block);
      slotOf.set(block.blockhash, block.slot);
      for (const old of blocks.slice(0, -slotHashesEntries)) slotOf.delete(old.blockhash);
      blocks = blocks.slice(-slotHashesEntries);
      sysvar.copyWithin(48, 8, sysvar.length - 40);
      view.setBigUint64(0, BigInt(blocks.length), true);
      view.setBigUint64(8, BigInt(block.slot), true);
      sysvar.set(block.hash, 16);
    },
    slotHashes: () => sysvar,
  };
}
