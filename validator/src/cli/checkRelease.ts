import { type ChosenCluster, differingParameters } from '@karmesh/sdk/clusters/choose';
import { KarmeshError } from '@karmesh/sdk/errors';
import { releasedProgramHash } from '@karmesh/sdk/participant';
import { type ConfigAccount, checkProgramHash, readProgram } from '@karmesh/sdk/program';
import type { Connection } from '@solana/web3.js';

/**
 * V-02, V-27: whether this release is made for what the cluster runs: the same program, by its hash, with the same parameters. A validator that judges by other rules
 * than the chain signs what others refuse.
 *
 * @throws KarmeshError `PROGRAM_MISMATCH` with what differs, `RPC_UNREACHABLE`, `RPC_FAILED`.
 */
export async function checkRelease(
  config: { readonly programHash?: string | undefined },
  parts: {
    readonly cluster: ChosenCluster;
    readonly chain: ConfigAccount;
    readonly connection: Connection;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { cluster, chain, connection, signal } = parts;
  const { programId } = cluster;
  const expected = config.programHash ?? (await releasedProgramHash());
  checkProgramHash(await readProgram(connection, { programId, signal }), { expected, programId });
  checkParameters(cluster, chain);
}

/** @throws KarmeshError `PROGRAM_MISMATCH` with the names of those that differ. */
export function checkParameters(cluster: ChosenCluster, chain: ConfigAccount): void {
  const differing = differingParameters(cluster, chain);
  if (differing.length === 0) return;
  throw new KarmeshError('PROGRAM_MISMATCH', 'The chain enforces other parameters than this validator knows.', {
    differing: differing.join(', '),
    retry: 'with --cluster-file, which names the parameters of a cluster of your own',
  });
}
