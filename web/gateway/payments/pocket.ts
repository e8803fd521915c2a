import type { KeyHash } from '../store/apiKeys.ts';
import type { PurseKey } from './charges.ts';
import type { PocketChange } from './commitPurse.ts';

/** What this process may spend of one key, in lamports. `durable` >= `block` >= `held` >= 0 at all times. */
export type Pocket = {
  readonly key: PurseKey & { readonly keyHash: KeyHash };
  /** The allowance in the database. */
  durable: bigint;
  /** What is left of it here: less what was billed or is being given back. */
  block: bigint;
  /** What requests that run may still cost. */
  held: bigint;
  /** What waits for the next commit. */
  givenBack: bigint;
  /** Those who wait for a greater allowance, and what they need in all. */
  asking: { lamports: bigint; readonly answered: PromiseWithResolvers<void> } | undefined;
  usedAtMs: number;
  /** The last answer that gave less than was asked. */
  short: PocketShort | undefined;
};

export type PocketShort = { readonly atMs: number; readonly headroom: bigint; readonly bound: string };

export function emptyPocket(key: PurseKey): Pocket {
  return {
    key,
    durable: 0n,
    block: 0n,
    held: 0n,
    givenBack: 0n,
    asking: undefined,
    usedAtMs: 0,
    short: undefined,
  };
}

/** What no request holds. */
export const freeOf = ({ block, held }: Pocket): bigint => block - held;

/** What the next commit writes of a pocket. */
export function changeOf(pocket: Pocket): PocketChange {
  const asked = pocket.asking?.lamports ?? 0n;
  const free = freeOf(pocket);
  return {
    key: pocket.key,
    durable: pocket.durable,
    givenBack: pocket.givenBack,
    needed: asked > free ? asked - free : 0n,
  };
}
