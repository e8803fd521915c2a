import { KarmeshError } from '@karmesh/sdk/errors';
import { configFiles } from '@karmesh/sdk/participant/settings';
import {
  checkCapacity,
  openStake,
  requireOwner,
  sendStaking,
  sentLines,
  workerOwnerSchema,
} from '@karmesh/sdk/participant/staking';
import { setCapacity, toBase58 } from '@karmesh/sdk/program';
import { command, output } from '@karmesh/sdk/runtime';
import { registerSchema } from './config.ts';

const MOST = 65_535;

/** `karmesh-worker capacity`: how many requests at once a worker's bond stands for (P-33). */
export const capacityCommand = command({
  program: 'karmesh worker capacity',
  summary: 'Sets how many requests at once the worker’s bond stands for, from the next epoch on.',
  section: 'worker-register',
  schema: workerOwnerSchema,
  sharedWith: [registerSchema],
  positionals: [{ name: 'requests', description: 'at once, each of which takes the least bond of a worker' }],
  files: configFiles,
  async run({ config: settings, positionals: [text = ''] }, options) {
    const talk = output({ json: settings.json })();
    const capacity = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (capacity < 1 || capacity > MOST)
      throw new KarmeshError('CONFIG_INVALID', 'A capacity is a number of requests.', { requests: text, most: MOST });
    const opened = await openStake(settings, 'worker', options);
    const { cluster, participant, staker } = opened;
    requireOwner(opened);
    checkCapacity({ ...cluster, participant }, capacity);
    const worker = toBase58(participant.address);
    const before = participant.capacity[1];
    const keys = { owner: staker, participant: participant.address };
    const instructions = [setCapacity(cluster.client.addresses, { ...keys, capacity })];
    const fromEpoch = cluster.epoch === undefined ? 0n : cluster.epoch + 1n;
    const what = `set the capacity of ${worker} from ${before} to ${capacity}, from epoch ${fromEpoch} on`;
    const { dryRun } = settings;
    const sent = await sendStaking(cluster, { instructions, what, dryRun, talk }, options);
    talk.data({ action: 'capacity', worker, capacity, before, fromEpoch, ...sent }, () =>
      [
        `${sent.dryRun ? 'Would set' : 'Set'} the capacity to ${capacity}, from epoch ${fromEpoch} on.`,
        ...sentLines(sent),
      ].join('\n'),
    );
    return 0;
  },
});
