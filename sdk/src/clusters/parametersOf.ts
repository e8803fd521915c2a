import { KarmeshError } from '../errors.ts';
import type { ConfigAccount } from '../program/accounts.ts';
import { equalBytes, type OffchainParameters, offchainParametersHash } from '../protocol/index.ts';
import type { Cluster } from './index.ts';

/** V-02: the parameters whose hash the chain holds. Throws `PROGRAM_MISMATCH` if no preset has it. */
export function parametersOf(
  chosen: { readonly presets: readonly Cluster[] },
  config: Pick<ConfigAccount, 'offchainParametersHash'>,
): OffchainParameters {
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
  return found.offchain;
}
