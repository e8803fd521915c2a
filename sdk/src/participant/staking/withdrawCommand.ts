import { closeStake, collectRewards, toBase58, withdrawStake } from '../../program/index.ts';
import { type Command, command, output } from '../../runtime/index.ts';
import { configFiles } from '../settings.ts';
import { amountText } from './amounts.ts';
import { momentText } from './moment.ts';
import { openStake, stakerTokens, standingOf } from './openStake.ts';
import { checkWithdraw } from './refuse.ts';
import { sendStaking, sentLines } from './sendStaking.ts';
import { type StakedRole, validatorStakeSchema, workerStakeSchema } from './settings.ts';

/** `karmesh validator withdraw`, `karmesh worker withdraw`: pays out what has come to the end of its way (P-30). */
export function withdrawCommand({ role, section, sharedWith }: StakedRole): Command {
  return command({
    program: `karmesh ${role} withdraw`,
    summary:
      'Pays out unstaked value that is free by now. With the last of it the stake’s account ends and its rent comes back.',
    section,
    schema: role === 'validator' ? validatorStakeSchema : workerStakeSchema,
    sharedWith,
    files: configFiles,
    async run({ config: settings }, options) {
      const talk = output({ json: settings.json })();
      const opened = await openStake(settings, role, options);
      const { cluster, participant, staker, asset, name } = opened;
      const { stake, standing } = standingOf(opened);
      checkWithdraw(stake, { ...cluster, participant }, standing);
      const tokens = await stakerTokens(opened, options);
      const { addresses } = cluster.client;
      const { worth = 0n, freeWorth = 0n } = standing.leaving ?? {};
      const isLast = standing.units === 0n && standing.leaving?.all.inSeconds === 0;
      const hasRewards = standing.rewardLamports > 0n;
      const instructions = [
        withdrawStake(addresses, { ...name, ...(tokens === undefined ? {} : { stakerTokens: tokens.address }) }),
        ...(isLast && hasRewards ? [collectRewards(addresses, name)] : []),
        ...(isLast ? [closeStake(addresses, name)] : []),
      ];
      const what = `pay ${amountText(freeWorth, asset)} to ${toBase58(staker)}${isLast ? ' and end the stake’s account, whose rent comes back' : ''}`;
      const sent = await sendStaking(cluster, { instructions, what, dryRun: settings.dryRun, talk }, options);
      const rest = standing.leaving?.all;
      const done = {
        action: 'withdraw',
        [role]: toBase58(participant.address),
        staker: toBase58(staker),
        asset,
        amount: freeWorth,
        stillOnItsWay: worth - freeWorth,
        allFree: rest,
        hasEnded: isLast,
        ...sent,
      };
      talk.data(done, () =>
        [
          `${sent.dryRun ? 'Would withdraw' : 'Withdrew'} ${amountText(freeWorth, asset)}.`,
          ...(isLast ? ['The stake’s account has ended.'] : []),
          ...(isLast || worth === freeWorth || rest === undefined
            ? []
            : [`${amountText(worth - freeWorth, asset)} are still on their way; all is free in ${momentText(rest)}.`]),
          ...sentLines(sent),
        ].join('\n'),
      );
      return 0;
    },
  });
}
