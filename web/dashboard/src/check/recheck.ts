import {
  addressFromBase58,
  chainReader,
  clusterPreset,
  fetchBundle,
  type Gateway,
  isLoopback,
  type RecheckedBundle,
  recheckBundle,
} from '@karmesh/sdk/client';
import { decodeBundle, type ProofProgress, toHex } from '@karmesh/sdk/protocol';
import type { ChainNode } from '../chain/chainNode.ts';
import { sentenceOf } from '../page/sentenceOf.ts';

/** What is checked: the evidence that a gateway has for a request, or a bundle that somebody brought. */
export type Subject =
  | { readonly kind: 'request'; readonly requestId: string; readonly gateway: Gateway }
  | { readonly kind: 'bundle'; readonly file: unknown };

/** How a recheck ended: with a verdict, or at what it needed and could not get. */
export type Recheck =
  | { readonly kind: 'verdict'; readonly verdict: RecheckedBundle; readonly rpc: string }
  | { readonly kind: 'no-bundle'; readonly reason: string }
  | { readonly kind: 'no-chain'; readonly reason: string };

/** The checks of `karmesh receipt verify`, in this browser: the bundle from the gateway or a file, all else from the chain. */
export async function recheck(
  subject: Subject,
  options: {
    readonly node: ChainNode | undefined;
    readonly onProof: (progress: ProofProgress) => void;
    readonly signal: AbortSignal;
  },
): Promise<Recheck> {
  const { node, onProof, signal } = options;
  let bundle: ReturnType<typeof decodeBundle>;
  try {
    bundle = decodeBundle(
      subject.kind === 'bundle' ? subject.file : await fetchBundle(subject.gateway, { ...subject, signal }),
    );
  } catch (cause) {
    return { kind: 'no-bundle', reason: sentenceOf(cause) };
  }
  if (node === undefined) return { kind: 'no-chain', reason: 'Nobody has named an RPC node that this page may read.' };
  const done = new AbortController();
  try {
    const reader = chainReader({ rpcUrl: node.rpcUrl, programId: addressFromBase58(node.programId) });
    const presets = [clusterPreset('localnet'), clusterPreset('devnet')];
    const verdict = await recheckBundle(reader, {
      bundle,
      presets,
      // Most answers are not proven, and a page that checks none needs no prover's arithmetic.
      proofTools: async () =>
        (await import('./proofTools.ts')).openProofTools({ signal: AbortSignal.any([signal, done.signal]) }),
      isLocal: isLoopback(node.rpcUrl),
      onProof,
      signal,
    });
    const rpc = new URL(node.rpcUrl).origin;
    if (subject.kind === 'bundle') return { kind: 'verdict', verdict, rpc };
    // The evidence of another request may be perfectly good, and says nothing about this one.
    const isAsked = toHex(bundle.entry.ticket.value.requestId) === subject.requestId;
    const check = { rule: 'B-03', what: 'the bundle is of the request that you asked for', holds: isAsked, facts: {} };
    const checks = [check, ...verdict.checks];
    return { kind: 'verdict', verdict: { ...verdict, holds: verdict.holds && isAsked, checks }, rpc };
  } catch (cause) {
    return { kind: 'no-chain', reason: sentenceOf(cause) };
  } finally {
    done.abort();
  }
}
