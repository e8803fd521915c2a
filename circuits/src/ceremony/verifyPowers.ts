import { fileHash, inspectPowers } from './powersFile.ts';
import { snarkjsVerdict } from './snarkjsPhases.ts';

export type PowersVerdict =
  | { readonly verdict: 'accept'; readonly power: number; readonly hash: Uint8Array }
  | { readonly verdict: 'reject'; readonly fault: string };

/**
 * Whether powers of tau follow from their contributions and are prepared for a second phase, by `snarkjs powersoftau verify`. `hash` is what a cluster pins them by. Throws
 * `FILE_INVALID`.
 */
export async function verifyPowers(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PowersVerdict> {
  const { power, isPrepared } = await inspectPowers(path);
  if (!isPrepared) return { verdict: 'reject', fault: 'they are not prepared for a second phase' };
  const { accepts, said } = await snarkjsVerdict(['powersoftau', 'verify', path], options);
  return accepts
    ? { verdict: 'accept', power, hash: await fileHash(path) }
    : { verdict: 'reject', fault: `they do not follow from their contributions: ${said}` };
}
