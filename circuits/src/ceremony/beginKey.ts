import { open, rm } from 'node:fs/promises';
import { CircuitsError } from '../errors.ts';
import { fileHash, inspectPowers } from './powersFile.ts';
import { snarkjsStep } from './snarkjsPhases.ts';
import { wholeFile } from './wholeFile.ts';

export interface PinnedPowers {
  /** A .ptau file, prepared. */
  readonly path: string;
  /** Its SHA-256, which the cluster has pinned. */
  readonly hash: Uint8Array;
}

export interface BeginKeyOptions {
  /** The pieces of a layer's .r1cs file, weights included (`layerConstraints`). */
  readonly constraints: Iterable<Uint8Array>;
  readonly powersOfTau: PinnedPowers;
  /** Where the .zkey goes. It is no key to prove with yet (Z-20): everybody knows its delta. */
  readonly path: string;
}

/**
 * Begins the second phase of a layer's key by snarkjs, which gives the same bytes to everybody, and snarkjs' hash of what it began with, 64 bytes (Z-33). A matrix of 256 x 256 takes half
 * a minute. Throws `FILE_INVALID` for other powers of tau than those that are pinned, or too few.
 */
export async function beginKey({ constraints, powersOfTau, path }: BeginKeyOptions): Promise<Uint8Array> {
  const { isPrepared } = await inspectPowers(powersOfTau.path);
  if (!isPrepared)
    throw new CircuitsError('FILE_INVALID', 'The powers of tau are not prepared for a second phase.', {
      path: powersOfTau.path,
    });
  const hash = await fileHash(powersOfTau.path);
  if (!Buffer.from(hash).equals(powersOfTau.hash))
    throw new CircuitsError('FILE_INVALID', 'These are other powers of tau than those that are pinned.', {
      path: powersOfTau.path,
      sha256: Buffer.from(hash).toString('hex'),
    });
  return wholeFile(path, async (partial) => {
    const r1cs = `${partial}.r1cs`;
    try {
      await writePieces(r1cs, constraints);
      const circuitHash = await snarkjsStep(({ zKey }, logger) =>
        zKey.newZKey(r1cs, powersOfTau.path, partial, logger),
      );
      return circuitHash as Uint8Array;
    } finally {
      await rm(r1cs, { force: true });
    }
  });
}

/** One piece after the other: that of a large matrix is longer than memory. */
async function writePieces(path: string, pieces: Iterable<Uint8Array>): Promise<void> {
  await using file = await open(path, 'wx');
  for (const piece of pieces) await file.appendFile(piece);
}
