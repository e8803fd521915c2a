import { KarmeshError } from '../errors.ts';
import { type ParticipantAccount, ROLE } from '../program/accounts.ts';
import { weightIn } from '../protocol/weights.ts';
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

/**
 * Z-50: the set of an epoch, from the participants’ accounts. Accounts never leave, and a weight is known for eight changes.
 *
 * @throws KarmeshError `EPOCH_FORGOTTEN` for an epoch that a validator's stake changed too often since.
 */
export function evmValidatorSet(
  participants: readonly Pick<ParticipantAccount, 'role' | 'weights' | 'hasSecp256k1' | 'secp256k1Address'>[],
  epoch: bigint,
): EvmValidatorSet {
  const active = participants
    .filter(({ role }) => role === ROLE.validator)
    .map((account) => ({ ...account, stake: weightOf(account, epoch) }))
    .filter(({ stake }) => stake > 0n);
  const stakes = new Map<EvmAddress, bigint>();
  for (const { hasSecp256k1, secp256k1Address, stake } of active) {
    if (hasSecp256k1 !== 1) continue;
    // Nothing keeps two validators from proving one address: it signs once, for both.
    const signer = evmAddressOf(secp256k1Address);
    stakes.set(signer, (stakes.get(signer) ?? 0n) + stake);
  }
  return {
    totalStake: active.reduce((sum, { stake }) => sum + stake, 0n),
    validators: [...stakes.keys()].sort().map((signer) => ({ signer, stake: stakes.get(signer) ?? 0n })),
  };
}

function weightOf({ weights }: Pick<ParticipantAccount, 'weights'>, epoch: bigint): bigint {
  const weight = weightIn(weights, epoch);
  if (weight === undefined) {
    throw new KarmeshError('EPOCH_FORGOTTEN', 'The chain no longer tells the stakes of this epoch.', { epoch });
  }
  return weight;
}
