import { equalBytes } from './bytes.ts';
import { checkCheckpoint, readCheckpoint } from './checkpoint.ts';
import type { Hash } from './hash.ts';
import type { Identity, VerifySignature } from './signature.ts';
import { logRoot } from './transparencyTree.ts';

/** G-23: two checkpoints of one log that cannot both be true, as notes; the smaller one first. */
export type LogFork = { readonly first: string; readonly second: string };

/**
 * G-23: whether this gateway signed two checkpoints of which none goes on from the other. Of one size they need another root, and nothing
 * else; of two sizes `leafHashes`, those of the larger log, show it: they have its root, and its beginning has not the root of the smaller.
 */
export function isLogFork(
  { first, second }: LogFork,
  log: {
    readonly origin: string;
    readonly identity: Identity;
    readonly leafHashes?: readonly Hash[];
    readonly verify?: VerifySignature;
  },
): boolean {
  const [a, b] = [first, second].map((text) => {
    const read = readCheckpoint(text);
    return read === undefined ? undefined : checkCheckpoint(read.note, log);
  });
  if (a === undefined || b === undefined || a.size > b.size) return false;
  if (a.size === b.size) return !equalBytes(a.root, b.root);
  const { leafHashes = [] } = log;
  if (leafHashes.length !== b.size || !equalBytes(logRoot(leafHashes), b.root)) return false;
  return !equalBytes(logRoot(leafHashes.slice(0, a.size)), a.root);
}
