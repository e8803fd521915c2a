import { KarmeshError } from '@karmesh/sdk/errors';
import { configFiles } from '@karmesh/sdk/participant/settings';
import {
  checkCommission,
  commissionStanding,
  openStake,
  percentText,
  requireOwner,
  sendStaking,
  sentLines,
  validatorOwnerSchema,
} from '@karmesh/sdk/participant/staking';
import { setCommission, toBase58 } from '@karmesh/sdk/program';
import { namedParameters } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import { registerSchema, startSchema } from './config.ts';

/** `karmesh-validator commission`: what the owner keeps of what the stake behind its validator earns (P-34). */
export const commissionCommand = command({
  program: 'karmesh validator commission',
  summary: 'Sets what the owner keeps of rewards. A cut holds from the next epoch on, a raise after a cool-down.',
  section: 'validator',
  schema: validatorOwnerSchema,
  sharedWith: [startSchema, registerSchema],
  positionals: [{ name: 'percent', description: 'such as 5 or 2.5, at most 100' }],
  files: configFiles,
  async run({ config: settings, positionals: [text = ''] }, options) {
    const talk = output({ json: settings.json })();
    const bps = parsePercent(text);
    const opened = await openStake(settings, 'validator', options);
    const { cluster, participant, staker } = opened;
    requireOwner(opened);
    checkCommission({ ...cluster, participant }, cluster.epoch);
    const before = commissionStanding(participant, cluster.epoch).bps;
    const { coolDownEpochs } = namedParameters(cluster.config.parameters);
    const current = cluster.epoch ?? 0n;
    const isRaise = bps > participant.commissionBps[1];
    const next = cluster.epoch === undefined ? 0n : current + 1n;
    const fromEpoch = isRaise ? current + coolDownEpochs : next;
    const validator = toBase58(participant.address);
    const what = `set the commission of ${validator} from ${percentText(before)} to ${percentText(bps)}, from epoch ${fromEpoch} on`;
    const instruction = setCommission(cluster.client.addresses, {
      owner: staker,
      participant: participant.address,
      bps,
    });
    const { dryRun } = settings;
    const sent = await sendStaking(cluster, { instructions: [instruction], what, dryRun, talk }, options);
    talk.data({ action: 'commission', validator, bps, before, fromEpoch, ...sent }, () =>
      [
        `${sent.dryRun ? 'Would set' : 'Set'} the commission to ${percentText(bps)}, from epoch ${fromEpoch} on.`,
        ...sentLines(sent),
      ].join('\n'),
    );
    return 0;
  },
});

/** `2.5` as 250. Throws `CONFIG_INVALID` for what is no percentage of at most two decimals. */
function parsePercent(text: string): number {
  const [, whole, fraction = ''] = /^(\d{1,3})(?:\.(\d{1,2}))?%?$/.exec(text) ?? [];
  const bps = whole === undefined ? Number.NaN : Number(whole) * 100 + Number(fraction.padEnd(2, '0'));
  if (bps <= 10_000) return bps;
  throw new KarmeshError('CONFIG_INVALID', 'The commission is not understood.', {
    percent: text,
    known: 'a percentage from 0 to 100 with at most two decimals, such as 2.5',
  });
}
