import { UPGRADE_RULES, type UpgradeRule } from '../clusters/index.ts';

/** What Solana's own clusters ask at least, by their genesis hash: a node of one's own for mainnet-beta serves mainnet-beta too. */
const LEAST: Readonly<Record<string, UpgradeRule>> = {
  '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d': 'vaultRequired', // mainnet-beta
  EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG: 'vaultAdvised', // devnet
};

/** The stricter of a preset's rule and that of the cluster whose genesis hash (base58) this is, so that no preset loosens a public cluster's. */
export function effectiveRule(preset: UpgradeRule, genesisHash: string): UpgradeRule {
  const least = LEAST[genesisHash] ?? preset;
  return UPGRADE_RULES.indexOf(least) > UPGRADE_RULES.indexOf(preset) ? least : preset;
}
