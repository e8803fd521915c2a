import type { Cluster } from '../clusters/index.ts';
import type { ConfigAccount } from '../program/index.ts';
import { CHAIN_PARAMETERS, equalBytes, offchainParametersHash, toHex } from '../protocol/index.ts';

/** A sentence for each parameter in which Config differs from a preset. */
export function configFaults(config: ConfigAccount, preset: Cluster): readonly string[] {
  const faults = CHAIN_PARAMETERS.flatMap((name, i) =>
    config.parameters[i] === preset.chain[name]
      ? []
      : [`${name} is ${config.parameters[i]} on the chain and ${preset.chain[name]} in the preset.`],
  );
  const expected = offchainParametersHash(preset.offchain);
  if (!equalBytes(config.offchainParametersHash, expected)) {
    const found = toHex(config.offchainParametersHash);
    faults.push(`The off-chain parameters hash to ${found} on the chain and to ${toHex(expected)} in the preset.`);
  }
  return faults;
}
