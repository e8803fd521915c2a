import { createHash, randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';
import { kernelFault } from '../kernel/kernelFault.ts';
import { openKernel } from '../kernel/openKernel.ts';

export interface DevelopmentKeyOptions {
  /** The pieces of an .r1cs file, weights included. */
  readonly constraints: Iterable<Uint8Array>;
  /** 32 public bytes. */
  readonly seed: Uint8Array;
  /** Where the .zkey goes. */
  readonly path: string;
}

export interface DevelopmentKeyResult {
  /** SHA-256 of the key. */
  readonly keyHash: Uint8Array;
}

/**
 * Makes an INSECURE DEVELOPMENT KEY: its secrets follow from a public seed, so that everybody comes to the same bytes without a ceremony, and everybody
 * can forge proofs under it. Throws `KERNEL_FAILED`; the file is there only if all of it is.
 */
export async function developmentKey({
  constraints,
  seed,
  path,
}: DevelopmentKeyOptions): Promise<DevelopmentKeyResult> {
  if (seed.length !== 32) throw new CircuitsError('BAD_INPUT', 'A seed has 32 bytes.', { bytes: seed.length });
  // Two processes may be at the same key: each has a file of its own, and what they end with is the same.
  const partial = `${path}.${randomUUID()}.partial`;
  const file = openSync(partial, 'w');
  try {
    const keyHash = createHash('sha256');
    const pieces = constraints[Symbol.iterator]();
    let rest: Uint8Array = new Uint8Array(0);
    const kernel = await openKernel({
      read(into) {
        while (rest.length === 0) {
          const next = pieces.next();
          if (next.done === true) return 0;
          rest = next.value;
        }
        const count = Math.min(into.length, rest.length);
        into.set(rest.subarray(0, count));
        rest = rest.subarray(count);
        return count;
      },
      write(written) {
        // The kernel's memory may grow before the bytes are on disk, but not within this call.
        keyHash.update(written);
        for (let at = 0; at < written.length; ) at += writeSync(file, written, at);
      },
    });
    const seedAt = kernel.allocate(seed.length);
    new Uint8Array(kernel.memory.buffer).set(seed, seedAt);
    const status = kernel.setup(seedAt);
    if (status !== 0) throw kernelFault(status);
    fsyncSync(file);
    await rename(partial, path);
    return { keyHash: keyHash.digest() };
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}
