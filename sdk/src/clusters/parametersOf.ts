import { KarmeshError } from '../errors.ts';
import type { ConfigAccount } from '../program/accounts.ts';
import {
  CHAIN_PARAMETERS,
  equalBytes,
  namedParameters,
  type OffchainParameters,
  offchainParametersHash,
} from '../protocol/index.ts';
import type { Cluster } from './index.ts';

type Chosen = { readonly presets: readonly Cluster[] };
type OnChain = Pick<ConfigAccount, 'offchainParametersHash'>;

/** V-02: the parameters whose hash the chain holds. Throws `PROGRAM_MISMATCH` if no preset has it. */
export function parametersOf(chosen: Chosen, config: OnChain): OffchainParameters {
  return presetOf(chosen, config).offchain;
}

/**
 * V-02: the names of the parameters that the chain enforces and that differ from the preset's; none if the cluster is the one that the preset describes. A difference
 * changes what duties come due when. Throws `PROGRAM_MISMATCH` as `parametersOf` does.
 */
export function differingParameters(
  chosen: Chosen,
  config: OnChain & Pick<ConfigAccount, 'parameters'>,
): readonly string[] {
  presetOf(chosen, config);
  const found = namedParameters(config.parameters);
  // Presets may share the parameters off the chain, by which they are told apart else.
  const lists = presetsOf(chosen, config).map(({ chain }) =>
    CHAIN_PARAMETERS.filter((name) => chain[name] !== found[name]),
  );
  return lists.reduce((least, list) => (list.length < least.length ? list : least));
}

/**
 * Z-32: whether a cluster may take INSECURE DEVELOPMENT KEYS: it was set up as a localnet, and its node is on this machine. A node of one's own for another cluster is on this machine too.
 * Throws `PROGRAM_MISMATCH` as `parametersOf` does.
 */
export function isLocalnet(chosen: Chosen & { readonly isLocal: boolean }, config: OnChain): boolean {
  return chosen.isLocal && presetOf(chosen, config).name === LOCALNET;
}

const LOCALNET = 'localnet';

function presetsOf(chosen: Chosen, config: OnChain): readonly Cluster[] {
  return chosen.presets.filter(({ offchain }) =>
    equalBytes(offchainParametersHash(offchain), config.offchainParametersHash),
  );
}

function presetOf(chosen: Chosen, config: OnChain): Cluster {
  const [found] = presetsOf(chosen, config);
  if (found === undefined) {
    throw new KarmeshError(
      'PROGRAM_MISMATCH',
      'The cluster was set up with parameters that are not known here; name their file.',
      { known: chosen.presets.map(({ name }) => name).join(', '), flag: '--cluster-file' },
    );
  }
  return found;
}
