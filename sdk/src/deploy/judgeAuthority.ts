import type { UpgradeRule } from '../clusters/index.ts';
import { type Address, toBase58 } from '../program/index.ts';
import { equalBytes } from '../protocol/index.ts';
import { type SquadsMultisig, squadsVault } from './squadsMultisig.ts';

/** Who may replace the program: its data on the chain says so, or the operator wants it so. */
export interface UpgradeAuthority {
  /** Undefined for nobody. */
  readonly authority: Address | undefined;
  /** The multisig whose vault the authority is said to be. */
  readonly multisig: { readonly address: Address; readonly account: SquadsMultisig } | undefined;
}

export type AuthorityVerdict =
  | { readonly verdict: 'good' }
  | { readonly verdict: 'warn' | 'refuse'; readonly sentence: string };

/** Vaults are numbered from 0; nobody has more of them than this in use. */
const VAULTS = 16;
const FEWEST_MEMBERS = 2;
/** A day: time to see an upgrade coming and to leave. */
const SHORTEST_LOCK_SECONDS = 86_400;

/** Whether a cluster's rule takes this upgrade authority: nobody, or the vault of a multisig whose time lock nobody can lift alone. */
export function judgeAuthority(rule: UpgradeRule, found: UpgradeAuthority): AuthorityVerdict {
  const sentence = faultOf(found);
  if (rule === 'anyKey' || sentence === undefined) return { verdict: 'good' };
  return { verdict: rule === 'vaultRequired' ? 'refuse' : 'warn', sentence };
}

function faultOf({ authority, multisig }: UpgradeAuthority): string | undefined {
  if (authority === undefined) return undefined;
  if (multisig === undefined) {
    return `${toBase58(authority)} could replace the program at once: give it to the vault of a time-locked multisig (--upgrade-authority with --multisig), or to nobody (--final).`;
  }
  const { address, account } = multisig;
  const vaults = Array.from({ length: VAULTS }, (_, index) => squadsVault(address, index));
  if (!vaults.some((vault) => equalBytes(vault, authority))) {
    return `${toBase58(authority)} is no vault of the multisig ${toBase58(address)}.`;
  }
  if (account.threshold < FEWEST_MEMBERS) return 'One member of the multisig alone could replace the program.';
  if (account.timeLockSeconds < SHORTEST_LOCK_SECONDS) {
    return `The multisig’s time lock is ${account.timeLockSeconds} seconds; it must be at least ${SHORTEST_LOCK_SECONDS}.`;
  }
  if (account.configAuthority !== undefined) {
    return `${toBase58(account.configAuthority)} could lift the multisig’s time lock alone (its config authority).`;
  }
  return undefined;
}
