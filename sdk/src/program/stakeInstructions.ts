import { concatBytes, u32le, u64le } from '../protocol/bytes.ts';
import type { KarmaVector } from '../protocol/karma.ts';
import { ASSET, NONE } from './accounts.ts';
import { type Address, TOKEN_PROGRAM } from './address.ts';
import type { ProgramAddresses, StakeName } from './addresses.ts';
import type { PlainInstruction } from './compileTransaction.ts';
import { plainInstruction } from './plainInstruction.ts';

/** What a staker or an owner does in a browser: the instructions of `instructions/stake.ts`, without web3.js. */
export const stakeInstructions = {
  /** P-30. The staker signs. All units. */
  unstake: (addresses: ProgramAddresses, name: StakeName): PlainInstruction =>
    plainInstruction({
      programId: addresses.programId,
      name: 'unstake',
      args: u64le(NONE),
      accounts: accountsOf(addresses, name),
    }),
  /** P-30. The staker signs and is paid what has come to the end of its way; tokens go to `stakerTokens`. */
  withdraw: (
    addresses: ProgramAddresses,
    { stakerTokens, ...name }: StakeName & { readonly stakerTokens: Address },
  ): PlainInstruction =>
    plainInstruction({
      programId: addresses.programId,
      name: 'withdrawStake',
      accounts: {
        ...accountsOf(addresses, name),
        ...(name.asset === ASSET.lamports
          ? {}
          : { stakerTokens, tokenVault: addresses.tokenVault, tokenProgram: TOKEN_PROGRAM }),
      },
    }),
  /** P-31. Anyone may send it; the staker is paid. */
  collectRewards: (addresses: ProgramAddresses, name: StakeName): PlainInstruction =>
    plainInstruction({
      programId: addresses.programId,
      name: 'collectRewards',
      accounts: accountsOf(addresses, name),
    }),
  /** P-31. Anyone may send it; the participant's owner is paid. */
  collectCommission: (
    addresses: ProgramAddresses,
    accounts: { readonly owner: Address; readonly participant: Address },
  ): PlainInstruction => plainInstruction({ programId: addresses.programId, name: 'collectCommission', accounts }),
  /** P-21. Anyone may sign and pay the fee; the participant's owner is paid. */
  claim(
    addresses: ProgramAddresses,
    claim: {
      readonly payer: Address;
      readonly participant: Address;
      readonly owner: Address;
      readonly epoch: bigint;
      readonly index: number;
      readonly karma: KarmaVector;
      readonly owed: bigint;
      readonly receiptsRoot: Uint8Array;
      readonly path: readonly Uint8Array[];
    },
  ): PlainInstruction {
    const { epoch, index, karma, owed, owner, participant, path, payer, receiptsRoot } = claim;
    const counters = [...karma, owed].map(u64le);
    return plainInstruction({
      programId: addresses.programId,
      name: 'claim',
      args: concatBytes(u64le(epoch), u32le(index), ...counters, receiptsRoot, u32le(path.length), ...path),
      accounts: {
        payer,
        config: addresses.config,
        epochAccount: addresses.epoch(epoch),
        participant,
        owner,
        vault: addresses.vault,
      },
    });
  },
};

function accountsOf(addresses: ProgramAddresses, name: StakeName) {
  const { participant, staker } = name;
  return { staker, config: addresses.config, participant, stake: addresses.stake(name) };
}
