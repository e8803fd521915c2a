import { stake, toBase58 } from '../../program/index.ts';
import { type Command, command, output } from '../../runtime/index.ts';
import { configFiles } from '../settings.ts';
import { amountText, parseAmount } from './amounts.ts';
import { openStake, stakerTokens } from './openStake.ts';
import { checkStake } from './refuse.ts';
import { sendStaking, sentLines } from './sendStaking.ts';
import { type StakedRole, validatorStakeSchema, workerStakeSchema } from './settings.ts';

/** `karmesh validator stake`, `karmesh worker stake`: puts lamports or tokens behind a participant (P-30). */
export function stakeCommand(whose: StakedRole): Command {
  const { role, section, sharedWith } = whose;
  return command({
    program: `karmesh ${role} stake`,
    summary:
      role === 'validator'
        ? 'Stakes behind a validator, of its owner or of anyone. It counts from the next epoch on.'
        : 'Adds to a worker’s bond. It counts from the next epoch on.',
    section,
    schema: role === 'validator' ? validatorStakeSchema : workerStakeSchema,
    sharedWith,
    positionals: [{ name: 'amount', description: 'lamports, or SOL as in 1.5sol; of --token base units' }],
    files: configFiles,
    async run({ config: settings, positionals: [text = ''] }, options) {
      const talk = output({ json: settings.json })();
      const opened = await openStake(settings, role, options);
      const { cluster, participant, staker, asset, name } = opened;
      const amount = parseAmount(text, asset);
      const { client } = cluster;
      const tokens = await stakerTokens(opened, options);
      const available = tokens === undefined ? await client.balance(staker, options) : tokens.amount;
      checkStake({ ...cluster, participant, staker }, { asset, amount, available });
      const instruction = stake(client.addresses, {
        ...name,
        ...(tokens === undefined ? {} : { stakerTokens: tokens.address }),
        amount,
      });
      const what = `stake ${amountText(amount, asset)} of ${toBase58(staker)} behind ${role} ${toBase58(participant.address)}`;
      const { dryRun } = settings;
      const sent = await sendStaking(cluster, { instructions: [instruction], what, dryRun, talk }, options);
      const { epoch } = cluster;
      const done = {
        action: 'stake',
        [role]: toBase58(participant.address),
        staker: toBase58(staker),
        asset,
        amount,
        countsFromEpoch: epoch === undefined ? 0n : epoch + 1n,
        ...sent,
      };
      talk.data(done, () =>
        [
          `${sent.dryRun ? 'Would stake' : 'Staked'} ${amountText(amount, asset)}. It counts from epoch ${done.countsFromEpoch} on.`,
          ...sentLines(sent),
        ].join('\n'),
      );
      return 0;
    },
  });
}
