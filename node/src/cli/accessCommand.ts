import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { nearestName } from '@karmesh/sdk/nearest-name';
import { acquireLockFile, command, output } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import {
  type AccessFiles,
  accessFiles,
  MAX_LISTED,
  type ParticipantName,
  participantName,
} from '../access/accessFiles.ts';
import { startSchema } from './config.ts';

const { dataDir, json } = startSchema.shape;
const ACTIONS = ['list', 'grant', 'revoke'];

/** `karmesh access list | grant GATEWAY | revoke GATEWAY`, while the worker runs or not. Throws `CONFIG_INVALID`, `STORE_FAILED`, `DISK_FULL`. */
export const accessCommand = command({
  program: 'karmesh access',
  summary: 'Shows and says which gateways a worker that was started with --access ask works for.',
  section: 'worker',
  schema: z.object({ dataDir, json }),
  positionals: [
    { name: 'action', description: 'list, grant or revoke' },
    { name: 'gateway', description: 'the address of the gateway’s account', optional: true },
  ],
  async run({ config, positionals }) {
    const [action, wanted] = positionals;
    const files = accessFiles(config.dataDir);
    if (action === 'grant' || action === 'revoke') {
      const gateway = await parseGateway(wanted);
      // Two commands at once would undo each other's.
      await using _lock = await acquireLockFile(join(config.dataDir, 'access', 'lock'));
      await change(files, action, gateway);
    } else if (action !== 'list')
      throw new KarmeshError('CONFIG_INVALID', 'There is no such action on access.', {
        action,
        didYouMean: nearestName(action ?? '', ACTIONS),
        known: ACTIONS.join(', '),
      });
    const granted = await files.granted();
    const waiting = (await files.asked()).filter(({ participant }) => !granted.includes(participant));
    output({ json: config.json })().data({ granted, waiting }, () =>
      [
        ...granted.map((gateway) => `${gateway}  granted`),
        ...waiting.map(({ participant, atMs }) => `${participant}  asked ${new Date(atMs).toISOString()}`),
      ].join('\n'),
    );
    return 0;
  },
});

/** Throws `CONFIG_INVALID` unless the text stands for 32 bytes. */
async function parseGateway(text: string | undefined): Promise<ParticipantName> {
  const refuse = (cause: unknown): KarmeshError =>
    new KarmeshError('CONFIG_INVALID', 'Name the gateway by the address of its account.', { gateway: text }, cause);
  const name = participantName.safeParse(text);
  if (!name.success) throw refuse(name.error);
  // The program's client takes a second to load, which a wrong word should not wait for.
  const { addressFromBase58 } = await import('@karmesh/sdk/program');
  try {
    addressFromBase58(name.data);
  } catch (cause) {
    throw refuse(cause);
  }
  return name.data;
}

async function change(files: AccessFiles, action: 'grant' | 'revoke', gateway: ParticipantName): Promise<void> {
  const others = (await files.granted()).filter((each) => each !== gateway);
  if (action === 'revoke') return files.writeGranted(others);
  if (others.length >= MAX_LISTED)
    throw new KarmeshError('CONFIG_INVALID', 'No more gateways can be granted; revoke one first.', {
      granted: others.length,
    });
  return files.writeGranted([...others, gateway]);
}
