import type { Cluster } from '../clusters/index.ts';
import { isLocalnet, parametersOf } from '../clusters/parametersOf.ts';
import { EPOCH_STATE } from '../program/accounts.ts';
import { type Bundle, type BundleVerdict, makeDomain, type ProofProgress, verifyBundle } from '../protocol/index.ts';
import { type BundleChainReader, readBundleChain } from './readBundleChain.ts';
import { type BundleProof, type ChallengeReader, type ProofTools, recheckChallenge } from './recheckChallenge.ts';

/** What a recheck found, the proofs of a `proof` request included. */
export interface RecheckedBundle extends BundleVerdict {
  /** Undefined for a bundle without proofs, or with false ones. */
  readonly proof?: BundleProof;
  /** True for a `proof` request whose bundle has a report and no proofs: an auditor's replay alone stands behind the answer, or somebody took them out. */
  readonly lacksProof?: boolean;
}

/**
 * Rechecks an answer from its bundle and the chain (B-02 to B-09): what `karmesh receipt verify` and the page do. Throws what the
 * reader throws, and `PROGRAM_MISMATCH` where the cluster computes with parameters of none of `presets`.
 */
export async function recheckBundle(
  reader: BundleChainReader & ChallengeReader,
  options: {
    readonly bundle: Bundle;
    readonly presets: readonly Cluster[];
    /** Called once there is a proof to check. */
    readonly proofTools: () => Promise<ProofTools>;
    /** Whether the node is on this machine: INSECURE DEVELOPMENT KEYS are taken there of a localnet alone (Z-32). */
    readonly isLocal: boolean;
    /** Told how many of the proofs are checked: they take seconds, on a small machine minutes. */
    readonly onProof?: (progress: ProofProgress) => void;
    readonly signal: AbortSignal;
  },
): Promise<RecheckedBundle> {
  const { bundle, presets, isLocal, onProof, signal } = options;
  const config = await reader.checkCluster({ signal });
  const offchain = parametersOf({ presets }, config);
  const verdict = verifyBundle(bundle, await readBundleChain(reader, { bundle, offchain, signal }));
  const { challenge, set, report, request } = bundle;
  if (challenge === undefined && report !== undefined && request.assurance === 'proof')
    return { ...verdict, lacksProof: true };
  if (challenge === undefined || set === undefined) return verdict;
  const account = await reader.epoch(set.manifest.epoch, { signal });
  if (account === undefined || account.state < EPOCH_STATE.beacon) return verdict;
  const domain = makeDomain({ genesisHash: config.genesis, programId: reader.addresses.programId });
  const { checks, proof } = await recheckChallenge(reader, {
    bundle: { ...bundle, challenge },
    domain,
    beacon: account.beacon,
    tools: await options.proofTools(),
    isLocal: isLocalnet({ presets, isLocal }, config),
    ...(onProof === undefined ? {} : { onProof }),
    signal,
  });
  return {
    ...verdict,
    holds: verdict.holds && checks.every(({ holds }) => holds),
    checks: [...verdict.checks, ...checks],
    ...(proof === undefined ? {} : { proof }),
  };
}
