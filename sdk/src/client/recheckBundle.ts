import type { Cluster } from '../clusters/index.ts';
import { parametersOf } from '../clusters/parametersOf.ts';
import { type Bundle, type BundleVerdict, verifyBundle } from '../protocol/index.ts';
import { type BundleChainReader, readBundleChain } from './readBundleChain.ts';

/**
 * Rechecks an answer from its bundle and the chain (B-02 to B-09): what `karmesh receipt verify` and the page do. Throws what the
 * reader throws, and `PROGRAM_MISMATCH` where the cluster computes with parameters of none of `presets`.
 */
export async function recheckBundle(
  reader: BundleChainReader,
  options: { readonly bundle: Bundle; readonly presets: readonly Cluster[]; readonly signal: AbortSignal },
): Promise<BundleVerdict> {
  const { bundle, presets, signal } = options;
  const offchain = parametersOf({ presets }, await reader.checkCluster({ signal }));
  return verifyBundle(bundle, await readBundleChain(reader, { bundle, offchain, signal }));
}
