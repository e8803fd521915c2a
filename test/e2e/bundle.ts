import { KarmeshError } from '@karmesh/sdk/errors';
import { type BundleChain, type BundleFile, decodeBundle, encodeBundle, verifyBundle } from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import type { Flip } from './flips.ts';

/** True if somebody who gets this file and reads this chain is told that the answer holds. */
export function passes(file: unknown, chain: BundleChain): boolean {
  try {
    return verifyBundle(decodeBundle(file), chain, { verify: nativeVerifySignature }).holds;
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'BUNDLE_INVALID') return false;
    throw error;
  }
}

/**
 * As `passes` of a flipped bundle; undefined if that is no flip: the codec has no such value, or the file is the same (two equal
 * neighbours swapped).
 */
export function flipPasses(
  { bundle }: Flip,
  original: { readonly file: BundleFile; readonly chain: BundleChain },
): boolean | undefined {
  let file: BundleFile;
  try {
    file = encodeBundle(bundle);
  } catch (error) {
    if (error instanceof KarmeshError && error.code === 'CODEC') return undefined;
    throw error;
  }
  const isSame = JSON.stringify(file) === JSON.stringify(original.file);
  return isSame ? undefined : passes(file, original.chain);
}

/** Where a flipped byte of the file still passes: one bit in every `stride`th byte of every part, another bit in each. */
export function passingBytes(file: BundleFile, chain: BundleChain, stride: number): readonly string[] {
  const found: string[] = [];
  for (const [name, hex] of Object.entries(file.parts)) {
    for (let at = 0; at < hex.length / 2; at += stride) {
      const flipped = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16) ^ (1 << (at % 8));
      const part = hex.slice(0, 2 * at) + flipped.toString(16).padStart(2, '0') + hex.slice(2 * at + 2);
      if (passes({ ...file, parts: { ...file.parts, [name]: part } }, chain)) found.push(`${name} byte ${at}`);
    }
  }
  return found;
}
