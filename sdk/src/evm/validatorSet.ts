import { type ParticipantAccount, ROLE } from '../program/accounts.ts';
import { type EvmAddress, evmAddressOf } from './evmAddress.ts';

/** A validator as a contract on an EVM chain knows it. */
export interface EvmValidator {
  /** Proven at registration (P-04). */
  readonly signer: EvmAddress;
  /** Lamports. */
  readonly stake: bigint;
}

/** Z-50 */
export interface EvmValidatorSet {
  /** Lamports of all active validators, also of those without an address. */
  readonly totalStake: bigint;
  /** By address, ascending. */
  readonly validators: readonly EvmValidator[];
}

/** Z-50: the set of an epoch, from the participants’ accounts. Accounts never leave and bonds do not change, so that everybody comes to the same one at any later time. */
export function evmValidatorSet(
  participants: readonly Pick<
    ParticipantAccount,
    'role' | 'activeFromEpoch' | 'bondLamports' | 'hasSecp256k1' | 'secp256k1Address'
  >[],
  epoch: bigint,
): EvmValidatorSet {
  const active = participants.filter(
    ({ role, activeFromEpoch }) => role === ROLE.validator && activeFromEpoch <= epoch,
  );
  const stakes = new Map<EvmAddress, bigint>();
  for (const { hasSecp256k1, secp256k1Address, bondLamports } of active) {
    if (hasSecp256k1 !== 1) continue;
    // Nothing keeps two validators from proving one address: it signs once, for both.
    const signer = evmAddressOf(secp256k1Address);
    stakes.set(signer, (stakes.get(signer) ?? 0n) + bondLamports);
  }
  return {
    totalStake: active.reduce((sum, { bondLamports }) => sum + bondLamports, 0n),
    validators: [...stakes.keys()].sort().map((signer) => ({ signer, stake: stakes.get(signer) ?? 0n })),
  };
}
