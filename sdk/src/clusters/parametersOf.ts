import { KarmeshError } from '../errors.ts';
import type { ConfigAccount } from '../program/accounts.ts';
import { equalBytes, type OffchainParameters, offchainParametersHash } from '../protocol/index.ts';
import type { Cluster } from './index.ts';

type Chosen = { readonly presets: readonly Cluster[] };
type OnChain = Pick<ConfigAccount, 'offchainParametersHash'>;

/** V-02: the parameters whose hash the chain holds. Throws `PROGRAM_MISMATCH` if no preset has it. */
export function parametersOf(chosen: Chosen, config: OnChain): OffchainParameters {
  return presetOf(chosen, config).offchain;
}

/**
 * Z-32: whether a cluster may take INSECURE DEVELOPMENT KEYS: it was set up as a localnet, and its node is on this machine. A node of one's own for another cluster is on this machine too.
 * Throws `PROGRAM_MISMATCH` as `parametersOf` does.
 */
export function isLocalnet(chosen: Chosen & { readonly isLocal: boolean }, config: OnChain): boolean {
  return chosen.isLocal && presetOf(chosen, config).name === LOCALNET;
}

const LOCALNET = 'localnet';

function presetOf(chosen: Chosen, config: OnChain): Cluster {
  const found = chosen.presets.find(({ offchain }) =>
    equalBytes(offchainParametersHash(offchain), config.offchainParametersHash),
  );
  if (found === undefined) {
    throw new KarmeshError(
      'PROGRAM_MISMATCH',
      'The cluster was set up with parameters that are not known here; name their file.',
      { known: chosen.presets.map(({ name }) => name).join(', '), flag: '--cluster-file' },
    );
  }
  return found;
}
