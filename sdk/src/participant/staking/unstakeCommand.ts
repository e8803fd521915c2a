import { NONE, toBase58, unstake } from '../../program/index.ts';
import { freeSlots, namedParameters, unitsCovering, unitsWorth } from '../../protocol/index.ts';
import { type Command, command, output } from '../../runtime/index.ts';
import { configFiles } from '../settings.ts';
import { amountText, parseAmount } from './amounts.ts';
import { momentOf, momentText } from './moment.ts';
import { openStake, standingOf } from './openStake.ts';
import { checkUnstake, stakeRefused } from './refuse.ts';
import { sendStaking, sentLines } from './sendStaking.ts';
import { type StakedRole, validatorStakeSchema, workerStakeSchema } from './settings.ts';

/** `karmesh validator unstake`, `karmesh worker unstake`: sends stake on its way out (P-30). */
export function unstakeCommand({ role, section, sharedWith }: StakedRole): Command {
  return command({
    program: `karmesh ${role} unstake`,
    summary: 'Takes stake out of what counts and sends it on its way out. It can be withdrawn after the cool-down.',
    section,
    schema: role === 'validator' ? validatorStakeSchema : workerStakeSchema,
    sharedWith,
    positionals: [{ name: 'amount', description: 'lamports, or SOL as in 1.5sol; of --token base units; or `all`' }],
    files: configFiles,
    async run({ config: settings, positionals: [text = ''] }, options) {
      const talk = output({ json: settings.json })();
      const opened = await openStake(settings, role, options);
      const { cluster, participant, staker, asset, name } = opened;
      const { standing } = standingOf(opened);
      const isAll = text === 'all';
      const wanted = isAll ? standing.worth : parseAmount(text, asset);
      const units = isAll ? standing.units : unitsCovering(wanted, participant.slashIndex);
      if (standing.units === 0n) throw stakeRefused('All of this stake is on its way out already.');
      checkUnstake({ ...cluster, participant, staker }, { standing, units, amount: wanted });
      const amount = unitsWorth(units, participant.slashIndex);
      const { leaving } = standing;
      // P-30: a second request starts the way of what the first has not paid again.
      if (leaving !== undefined)
        talk.talk(
          `${amountText(leaving.worth, asset)} that are on their way already start anew${leaving.freeWorth > 0n ? `; withdraw before, ${amountText(leaving.freeWorth, asset)} of them are free` : ''}.`,
        );
      const instruction = unstake(cluster.client.addresses, { ...name, units: isAll ? NONE : units });
      const what = `take ${amountText(amount, asset)} of ${toBase58(staker)} from behind ${role} ${toBase58(participant.address)}`;
      const { dryRun } = settings;
      const sent = await sendStaking(cluster, { instructions: [instruction], what, dryRun, talk }, options);
      const { now } = cluster;
      const way = { unbondingUnits: units, releasedUnits: 0n, unbondingFromSlot: now.slot };
      const free = freeSlots(way, namedParameters(cluster.config.parameters)) ?? { first: now.slot, all: now.slot };
      const [firstFree, allFree] = [momentOf(now, free.first), momentOf(now, free.all)];
      const done = {
        action: 'unstake',
        [role]: toBase58(participant.address),
        staker: toBase58(staker),
        asset,
        amount,
        startsAnew: leaving?.worth ?? 0n,
        firstFree,
        allFree,
        ...sent,
      };
      talk.data(done, () =>
        [
          `${sent.dryRun ? 'Would unstake' : 'Unstaked'} ${amountText(amount, asset)}.`,
          `The first of it is free in ${momentText(firstFree)}; all of it in ${momentText(allFree)}.`,
          ...sentLines(sent),
        ].join('\n'),
      );
      return 0;
    },
  });
}
