import type { TransactionInstruction } from '@solana/web3.js';
import { KarmeshError } from '../../errors.ts';
import { ASSET, NONE } from '../accounts.ts';
import { type Address, TOKEN_PROGRAM } from '../address.ts';
import type { ProgramAddresses, StakeName } from '../addresses.ts';
import { buildInstruction } from '../coder.ts';

/** A stake, and where its staker has tokens if it is one of tokens. */
export type StakeAccounts = StakeName & { readonly stakerTokens?: Address };

/** The three accounts that only tokens need. */
function tokenAccounts(addresses: ProgramAddresses, { asset, stakerTokens }: StakeAccounts): Record<string, Address> {
  if (asset === ASSET.lamports) return {};
  if (stakerTokens === undefined) {
    throw new KarmeshError('BAD_ARGUMENT', 'A stake of tokens needs the token account of its staker.');
  }
  return { stakerTokens, tokenVault: addresses.tokenVault, tokenProgram: TOKEN_PROGRAM };
}

/** P-30. The staker signs and pays the amount, in lamports or base units of the token, and the stake's rent the first time. */
export function stake(
  addresses: ProgramAddresses,
  options: StakeAccounts & { readonly amount: bigint },
): TransactionInstruction {
  const { participant, staker, asset, amount } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'stake',
    args: { asset, amount },
    accounts: {
      staker,
      config: addresses.config,
      participant,
      stake: addresses.stake(options),
      ...tokenAccounts(addresses, options),
    },
  });
}

/** P-30. The staker signs. All units unless told. What an earlier request has not paid out starts its way again: withdraw before. */
export function unstake(
  addresses: ProgramAddresses,
  options: StakeName & { readonly units?: bigint },
): TransactionInstruction {
  const { participant, staker, units = NONE } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'unstake',
    args: { units },
    accounts: { staker, config: addresses.config, participant, stake: addresses.stake(options) },
  });
}

/** P-30. The staker signs and is paid what has come to the end of its way. */
export function withdrawStake(addresses: ProgramAddresses, options: StakeAccounts): TransactionInstruction {
  const { participant, staker } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'withdrawStake',
    args: {},
    accounts: {
      staker,
      config: addresses.config,
      participant,
      stake: addresses.stake(options),
      ...tokenAccounts(addresses, options),
    },
  });
}

/** P-31. Anyone may send it; the staker is paid. */
export function collectRewards(addresses: ProgramAddresses, options: StakeName): TransactionInstruction {
  const { participant, staker } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'collectRewards',
    args: {},
    accounts: { staker, config: addresses.config, participant, stake: addresses.stake(options) },
  });
}

/** P-31. Anyone may send it; the participant's owner is paid. */
export function collectCommission(
  addresses: ProgramAddresses,
  options: { readonly owner: Address; readonly participant: Address },
): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'collectCommission',
    args: {},
    accounts: { ...options },
  });
}

/** P-30. The staker signs and gets the rent back. */
export function closeStake(addresses: ProgramAddresses, options: StakeName): TransactionInstruction {
  return buildInstruction({
    programId: addresses.programId,
    name: 'closeStake',
    args: {},
    accounts: { staker: options.staker, stake: addresses.stake(options) },
  });
}

/** P-33. The worker's owner signs. `capacity` is the number of requests at once. */
export function setCapacity(
  addresses: ProgramAddresses,
  options: { readonly owner: Address; readonly participant: Address; readonly capacity: number },
): TransactionInstruction {
  const { owner, participant, capacity } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'setCapacity',
    args: { capacity },
    accounts: { owner, config: addresses.config, participant },
  });
}

/** P-34. The validator's owner signs. `bps` are 1/10,000 of what the stake behind it earns. */
export function setCommission(
  addresses: ProgramAddresses,
  options: { readonly owner: Address; readonly participant: Address; readonly bps: number },
): TransactionInstruction {
  const { owner, participant, bps } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'setCommission',
    args: { bps },
    accounts: { owner, config: addresses.config, participant },
  });
}

/** P-35. The initialiser signs and pays the rent. `rate` is lamports of weight for each base unit of the token, times 2^32. */
export function setStakeToken(
  addresses: ProgramAddresses,
  options: { readonly initialiser: Address; readonly mint: Address; readonly rate: bigint },
): TransactionInstruction {
  const { initialiser, mint, rate } = options;
  return buildInstruction({
    programId: addresses.programId,
    name: 'setStakeToken',
    args: { rate },
    accounts: { initialiser, config: addresses.config, mint, tokenVault: addresses.tokenVault },
  });
}
