import { toHex } from './bytes.ts';
import type { EntryContext } from './checkEntry.ts';
import type { Hash } from './hash.ts';

/** Hash chains whose verified preimages are kept; a chain keeps one in 32, at most 2,048 of 32 bytes. */
const MAX_CHAINS = 256;

/** the same look-up of committed chains, with a memo for each, so that judging many entries hashes through a chain once. */
export function withChainMemo(lookup: EntryContext['chain']): EntryContext['chain'] {
  const memos = new Map<string, Map<bigint, Hash>>();
  return (gateway, epoch) => {
    const chain = lookup(gateway, epoch);
    if (chain === undefined) return undefined;
    const key = `${toHex(gateway)} ${epoch} ${toHex(chain.commitment)}`;
    const memo = memos.get(key) ?? new Map<bigint, Hash>();
    memos.set(key, memo);
    if (memos.size > MAX_CHAINS) {
      const [oldest] = memos.keys();
      if (oldest !== undefined) memos.delete(oldest);
    }
    return { commitment: chain.commitment, length: chain.length, memo };
  };
}
