import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { toBase58 } from '@karmesh/sdk/program';
import { acquireLockFile, command, output, writeFileAtomic } from '@karmesh/sdk/runtime';
import { toInterchange } from '../slashingProtection/interchange.ts';
import { openProtectionLog, protectionPath } from '../slashingProtection/protectionLog.ts';
import { exportSchema, registerSchema, startSchema } from './config.ts';

/** `karmesh-validator slashing-protection export FILE`: needs no cluster, and no validator that runs: what is signed after it is not in the file. */
export const exportProtectionCommand = command({
  program: 'karmesh validator slashing-protection export',
  summary: 'Writes what this folder has signed to a file, for another folder or machine. The validator must not run.',
  section: 'validator',
  schema: exportSchema,
  sharedWith: [startSchema, registerSchema],
  positionals: [{ name: 'file', description: 'the file to write; one that is there is never overwritten' }],
  files: configFiles,
  async run({ config, positionals: [path = ''] }) {
    const log = protectionPath(config.dataDir);
    if (!(await isThere(log)))
      throw new KarmeshError('CONFIG_INVALID', 'There is no protection log in this folder.', { path: log });
    if (await isThere(path)) throw new KarmeshError('CONFIG_INVALID', 'The file is already there.', { path });
    // A validator that runs on would sign what the file does not hold.
    await using _lock = await acquireLockFile(join(config.dataDir, 'lock'));
    const { log: opened, state } = await openProtectionLog(log);
    await opened.close();
    const owner = state.owner();
    if (owner === undefined)
      throw new KarmeshError('SLASHING_PROTECTION', 'The log does not say whose it is; start the validator once.', {
        path: log,
      });
    const { minimal, withSalts } = config;
    const file = toInterchange(state, owner, { minimal, withSalts });
    await writeFileAtomic({ path, bytes: `${JSON.stringify(file, undefined, 2)}\n` });
    const [data] = file.data;
    const counted = {
      path,
      participant: toBase58(owner.participant),
      attestations: data?.attestations.length ?? 0,
      rootVotes: data?.root_votes.length ?? 0,
      verdicts: data?.verdicts.length ?? 0,
      closedThrough: data?.closed_through,
      hasSalts: withSalts && !minimal,
    };
    output({ json: config.json })().data(counted, (shown) =>
      [
        `Wrote ${shown.attestations} attestations, ${shown.rootVotes} root votes and ${shown.verdicts} verdicts of ${shown.participant} to ${shown.path}.`,
        shown.hasSalts
          ? 'It holds salts that are not revealed yet: carry it like a key, and delete it once it is imported.'
          : 'It holds no salts, so that what is sealed and not revealed yet stays unrevealed where it is imported.',
        'Do not start this folder again: a vote after this file is not in it.',
      ].join('\n'),
    );
    return 0;
  },
});

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
