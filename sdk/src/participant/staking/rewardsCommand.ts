import type { TransactionInstruction } from '@solana/web3.js';
import {
  type Address,
  ASSET,
  collectCommission,
  collectRewards,
  NONE,
  type ParticipantAccount,
  toBase58,
} from '../../program/index.ts';
import { equalBytes } from '../../protocol/index.ts';
import { type Command, command, type Keypair, loadKeypair, output } from '../../runtime/index.ts';
import { configFiles } from '../settings.ts';
import { amountText } from './amounts.ts';
import { momentText } from './moment.ts';
import { findParticipant, namedParticipant, type OpenCluster, openCluster, typedAddress } from './openStaking.ts';
import { owedLines } from './owedLines.ts';
import { type Owed, readOwed } from './readOwed.ts';
import { stakeRefused } from './refuse.ts';
import { sendStaking, sentLines } from './sendStaking.ts';
import { type StakedRole, validatorRewardsSchema, workerRewardsSchema } from './settings.ts';

/** `karmesh validator rewards`, `karmesh worker rewards`: what is owed, and with `--collect` its payment (P-31). It needs no owner's key. */
export function rewardsCommand({ role, section, sharedWith, claimable }: StakedRole): Command {
  return command({
    program: `karmesh ${role} rewards`,
    summary:
      'Shows what is owed: rewards, commission, open votes, claims and what is on its way out. Collects with --collect.',
    section,
    schema: role === 'validator' ? validatorRewardsSchema : workerRewardsSchema,
    sharedWith,
    files: configFiles,
    async run({ config: settings }, options) {
      const talk = output({ json: settings.json })();
      const keypair = await loadKeypair(settings.keypair);
      const cluster = await openCluster(settings, keypair, options);
      const participants = await cluster.client.participants(options);
      const named = namedParticipant(settings);
      const participant = findParticipant(participants, { role, named, key: keypair.publicKey });
      const staker = await stakerOf('staker' in settings ? settings.staker : undefined, { participant, keypair });
      const owed = await readOwed(cluster, { participant, staker }, options);
      const { config } = cluster;
      const lastFinal =
        config.lastFinalisedEpoch === NONE ? undefined : await cluster.client.epoch(config.lastFinalisedEpoch, options);
      const claimableLamports =
        claimable === undefined || owed.paidLamports === undefined || !('dataDir' in settings)
          ? undefined
          : await claimable(settings.dataDir, { config, lastFinal, participant });
      const names = { [role]: toBase58(participant.address), staker: toBase58(staker) };
      const state = { epoch: cluster.epoch, slot: cluster.now.slot, ...owed, claimableLamports };
      if (!settings.collect) {
        talk.data({ ...names, ...state }, () =>
          [
            `${role.padEnd(10)}  ${names[role]}`,
            `staker      ${names.staker}`,
            ...owedLines(owed, claimableLamports),
          ].join('\n'),
        );
        return 0;
      }
      const instructions = collecting(cluster, { participant, staker, owed });
      const what = `collect ${amountText(owed.collectableLamports)} for ${names.staker}`;
      const sent = await sendStaking(cluster, { instructions, what, dryRun: settings.dryRun, talk }, options);
      talk.data({ action: 'collect', ...names, collectedLamports: owed.collectableLamports, ...sent }, () =>
        [
          `${sent.dryRun ? 'Would collect' : 'Collected'} ${amountText(owed.collectableLamports)} for ${names.staker}.`,
          ...sentLines(sent),
        ].join('\n'),
      );
      return 0;
    },
  });
}

/** Whose stake: who was named, else the owner of the keypair's own participant, else the keypair. */
async function stakerOf(
  named: string | undefined,
  { participant, keypair }: { readonly participant: ParticipantAccount; readonly keypair: Keypair },
): Promise<Address> {
  if (named === undefined)
    return equalBytes(participant.identity, keypair.publicKey) ? participant.owner : keypair.publicKey;
  // No address has a dot or a slash, and hardly a file has the name of one.
  const isFile = /[./\\]/.test(named);
  return isFile ? (await loadKeypair(named)).publicKey : typedAddress(named, '--staker');
}

/** P-31: what pays all that is due. Throws `STAKE_REFUSED` if nothing is. */
function collecting(
  { client }: OpenCluster,
  due: { readonly participant: ParticipantAccount; readonly staker: Address; readonly owed: Owed },
): readonly TransactionInstruction[] {
  const { participant, staker, owed } = due;
  if (owed.collectableLamports === 0n)
    throw stakeRefused('Nothing is due yet.', {
      openVotes: owed.votes?.count,
      nextPaidFrom: owed.votes?.next === undefined ? undefined : momentText(owed.votes.next),
    });
  const name = { participant: participant.address, staker };
  return [
    ...owed.stakes.flatMap(({ asset, rewardLamports }) =>
      rewardLamports > 0n ? [collectRewards(client.addresses, { ...name, asset: ASSET[asset] })] : [],
    ),
    ...((owed.commission?.lamports ?? 0n) > 0n
      ? [collectCommission(client.addresses, { owner: staker, participant: participant.address })]
      : []),
  ];
}
