import type { Now } from '@karmesh/sdk/participant/staking';
import type { ConfigAccount, EpochAccount, ParticipantAccount, ProgramClient } from '@karmesh/sdk/program';
import { equalBytes } from '@karmesh/sdk/protocol';
import { type ChoreState, isOld } from './dueChores.ts';

type Signalled = { readonly signal: AbortSignal };

/** Old epochs whose votes are looked through at once; the others come in a later round. */
const OLD_AT_ONCE = 2;

/** Reads what chores follow from. Throws `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`. */
export async function readChores(
  client: ProgramClient,
  { account, config, now }: { readonly account: ParticipantAccount; readonly config: ConfigAccount; readonly now: Now },
  options: Signalled,
): Promise<ChoreState> {
  const identities = [account.identity, account.previousIdentity, account.initialIdentity].filter(
    (one, i, all) => all.findIndex((other) => equalBytes(other, one)) === i,
  );
  const [votes, proposals, ballots, ...paid] = await Promise.all([
    client.votesOf(account.address, options),
    client.proposals(options),
    client.ballotsOf(account.address, options),
    ...identities.map((identity) => client.epochsPaidBy(identity, options)),
  ]);
  const epochs = paid.flat();
  const held = epochs.filter((epoch) => epoch.openVotes > 0 && isOld(epoch, config)).slice(0, OLD_AT_ONCE);
  const votesOfOld = await Promise.all(held.map(({ epoch }) => client.votes(epoch, options)));
  return {
    now,
    config,
    roleOrdinal: account.roleOrdinal,
    identities,
    votes: await Promise.all(
      votes.map(async (vote) => ({ vote, epoch: await epochOf(client, epochs, vote.epoch, options) })),
    ),
    epochs,
    votesOfOld: votesOfOld.flat().filter(({ validator }) => !equalBytes(validator, account.address)),
    proposals,
    ballots,
  };
}

async function epochOf(
  client: ProgramClient,
  known: readonly EpochAccount[],
  epoch: bigint,
  options: Signalled,
): Promise<EpochAccount | undefined> {
  return known.find((one) => one.epoch === epoch) ?? (await client.epoch(epoch, options));
}
