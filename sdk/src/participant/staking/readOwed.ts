import { type Address, ASSET, type ParticipantAccount, ROLE } from '../../program/index.ts';
import { equalBytes, tokensWeigh } from '../../protocol/index.ts';
import type { OpenCluster } from './openStaking.ts';
import { commissionStanding, type OpenVotes, openVotes, type StakeStanding, stakeStanding } from './standing.ts';

/** What the ledger owes one staker behind one participant, and the participant's owner. */
export interface Owed {
  readonly stakes: readonly StakeStanding[];
  /** Lamports that `rewards --collect` would pay: rewards and, for the owner, the commission. */
  readonly collectableLamports: bigint;
  /** Of a validator whose owner it is. */
  readonly commission:
    | {
        readonly lamports: bigint;
        readonly bps: number;
        readonly later: { readonly bps: number; readonly fromEpoch: bigint } | undefined;
      }
    | undefined;
  /** Of a validator: votes whose pay has not come yet, and what this staker will have of it, its commission included. */
  readonly votes: (OpenVotes & { readonly yoursLamports: bigint }) | undefined;
  /** What claims have paid to the owner so far (P-21); for the owner alone. */
  readonly paidLamports: bigint | undefined;
}

/** Reads what is owed. Throws `RPC_UNREACHABLE`, `RPC_FAILED`, `ABORTED`. */
export async function readOwed(
  cluster: Pick<OpenCluster, 'client' | 'config' | 'now' | 'epoch'>,
  { participant, staker }: { readonly participant: ParticipantAccount; readonly staker: Address },
  options: { readonly signal: AbortSignal },
): Promise<Owed> {
  const { client, epoch } = cluster;
  const isOwner = equalBytes(participant.owner, staker);
  const isValidator = participant.role === ROLE.validator;
  const found = await Promise.all(
    [ASSET.lamports, ASSET.tokens].map((asset) =>
      client.stake({ participant: participant.address, staker, asset }, options),
    ),
  );
  const stakes = found.flatMap((stake) =>
    stake === undefined ? [] : [stakeStanding(stake, { ...cluster, participant })],
  );
  const commission = isOwner && isValidator ? participant.commissionLamports : 0n;
  return {
    stakes,
    collectableLamports: stakes.reduce((sum, { rewardLamports }) => sum + rewardLamports, commission),
    commission:
      isOwner && isValidator ? { lamports: commission, ...commissionStanding(participant, epoch) } : undefined,
    votes: isValidator ? await readVotes(cluster, { participant, stakes, isOwner }, options) : undefined,
    paidLamports: isOwner ? participant.lifetimePaid : undefined,
  };
}

async function readVotes(
  cluster: Pick<OpenCluster, 'client' | 'config' | 'now' | 'epoch'>,
  whose: {
    readonly participant: ParticipantAccount;
    readonly stakes: readonly StakeStanding[];
    readonly isOwner: boolean;
  },
  options: { readonly signal: AbortSignal },
): Promise<NonNullable<Owed['votes']>> {
  const { client, config, epoch } = cluster;
  const { participant, stakes, isOwner } = whose;
  const votes = await client.votesOf(participant.address, options);
  const withEpochs = await Promise.all(
    votes.map(async (vote) => ({ vote, epoch: await client.epoch(vote.epoch, options) })),
  );
  const open = openVotes(withEpochs, cluster);
  const weigh = ([lamports = 0n, tokens = 0n]: readonly bigint[]): bigint =>
    lamports + tokensWeigh(tokens, config.tokenRate);
  const unitsOf = (asset: keyof typeof ASSET): bigint => stakes.find((one) => one.asset === asset)?.units ?? 0n;
  const all = weigh(participant.units);
  const kept = (open.lamports * BigInt(commissionStanding(participant, epoch).bps)) / 10_000n;
  const yours = all === 0n ? 0n : ((open.lamports - kept) * weigh([unitsOf('lamports'), unitsOf('tokens')])) / all;
  return { ...open, yoursLamports: yours + (isOwner ? (all === 0n ? open.lamports : kept) : 0n) };
}
