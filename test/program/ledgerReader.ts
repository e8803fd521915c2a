import {
  type ConfigAccount,
  decodeEpoch,
  decodeVote,
  type EpochAccount,
  type ParticipantAccount,
} from '@karmesh/sdk/program';
import type { ChainReader } from '../../validator/src/chain/chainReader.ts';
import { followChain } from '../../validator/src/chain/followChain.ts';
import { type Member, readConfig, readParticipant, type World } from './world.ts';

/** The chain as a validator's duties read it, over the ledger of a test instead of RPC: what its last `refresh` saw. Neither slot hashes nor escrows are read. */
export async function ledgerReader(world: World, me: Member): Promise<ChainReader> {
  const { ledger, addresses } = world;
  const members = [...world.validators, ...world.workers, world.gateway];
  let seen = await look();

  async function look(): Promise<{
    readonly slot: bigint;
    readonly epoch: bigint | undefined;
    readonly config: ConfigAccount;
    readonly participants: readonly ParticipantAccount[];
    readonly epochs: ReadonlyMap<bigint, EpochAccount>;
  }> {
    const slot = await ledger.slot();
    const config = await readConfig(world);
    const participants = await Promise.all(members.map(({ address }) => readParticipant(world, address)));
    const epoch =
      slot < config.epochZeroSlot ? undefined : (slot - config.epochZeroSlot) / world.parameters.slotsPerEpoch;
    const epochs = new Map<bigint, EpochAccount>();
    for (let one = 0n; one < (epoch ?? 0n); one++) {
      const account = await ledger.account(addresses.epoch(one));
      if (account !== undefined) epochs.set(one, decodeEpoch(account));
    }
    return { slot, epoch, config, participants, epochs };
  }

  const reader = followChain({
    view: {
      config: () => seen.config,
      epoch: () => seen.epoch,
      epochAccount: (epoch) => seen.epochs.get(epoch),
      participants: () => seen.participants,
      slot: () => seen.slot,
      slotHash: () => undefined,
      chain: () => undefined,
      escrow: () => undefined,
      staleness: () => ({ ageMs: 0, error: undefined }),
    },
    client: {
      async vote(epoch, validator) {
        const account = await ledger.account(addresses.vote(epoch, validator));
        return account === undefined || account.data.length === 0 ? undefined : decodeVote(account);
      },
      async epoch(epoch) {
        const account = await ledger.account(addresses.epoch(epoch));
        return account === undefined ? undefined : decodeEpoch(account);
      },
      chain: async () => undefined,
      votesOf: async () => [],
    },
    me: me.address,
  });
  return {
    ...reader,
    async refresh(options) {
      seen = await look();
      await reader.refresh(options);
    },
  };
}
