import {
  addressFromBase58,
  chainReader,
  clusterPreset,
  fetchBundle,
  type Gateway,
  recheckBundle,
} from '@karmesh/sdk/client';
import { type BundleVerdict, decodeBundle, toHex } from '@karmesh/sdk/protocol';
import { sentenceOf } from '../page/sentenceOf.ts';

/** The cluster as the gateway names it; without an RPC node nothing can be compared with the chain. */
export type CheckedCluster = { readonly rpcUrl: string | null; readonly programId: string };

/** How a recheck ended: with a verdict, or at what it needed and could not get. */
export type Recheck =
  | { readonly kind: 'verdict'; readonly verdict: BundleVerdict; readonly rpc: string }
  | { readonly kind: 'no-bundle'; readonly reason: string }
  | { readonly kind: 'no-chain'; readonly reason: string };

/** The checks of `karmesh receipt verify`, in this browser: the bundle from the gateway, all else from the chain. */
export async function recheck(
  gateway: Gateway,
  options: { readonly requestId: string; readonly cluster: CheckedCluster; readonly signal: AbortSignal },
): Promise<Recheck> {
  const { requestId, cluster, signal } = options;
  let file: unknown;
  try {
    file = await fetchBundle(gateway, { requestId, signal });
  } catch (cause) {
    return { kind: 'no-bundle', reason: sentenceOf(cause) };
  }
  const { rpcUrl } = cluster;
  if (rpcUrl === null) return { kind: 'no-chain', reason: 'The gateway names no RPC node that this page may read.' };
  try {
    const reader = chainReader({ rpcUrl, programId: addressFromBase58(cluster.programId) });
    const presets = [clusterPreset('localnet'), clusterPreset('devnet')];
    const bundle = decodeBundle(file);
    const verdict = await recheckBundle(reader, { bundle, presets, signal });
    // The evidence of another request may be perfectly good, and says nothing about this one.
    const isAsked = toHex(bundle.entry.ticket.value.requestId) === requestId;
    const check = { rule: 'B-03', what: 'the bundle is of the request that you asked for', holds: isAsked, facts: {} };
    return {
      kind: 'verdict',
      verdict: { ...verdict, holds: verdict.holds && isAsked, checks: [check, ...verdict.checks] },
      rpc: new URL(rpcUrl).origin,
    };
  } catch (cause) {
    return { kind: 'no-chain', reason: sentenceOf(cause) };
  }
}
