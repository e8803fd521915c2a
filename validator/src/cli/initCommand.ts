import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { KarmeshError } from '@karmesh/sdk/errors';
import { toBase58 } from '@karmesh/sdk/program';
import { command, createKeypairFile, errnoOf, loadKeypair, output, writeFileAtomic } from '@karmesh/sdk/runtime';
import { z } from 'zod';
import { initSchema } from './config.ts';

/** A karmesh.config.json: programs and their settings. */
const fileSchema = z.record(z.string(), z.record(z.string(), z.unknown()));

/** `karmesh-validator init`: from nothing to a validator that can be registered. What is there is used and never overwritten. */
export const initCommand = command({
  program: 'karmesh validator init',
  summary: 'Makes the keys and karmesh.config.json of a new validator by asking, and says what comes next.',
  section: 'validator-init',
  schema: initSchema,
  questions: ['url', 'keypair', 'owner', 'dataDir', 'listen', 'bootstrap', 'healthPort'],
  wizard: true,
  async run({ config }, { terminal }) {
    if (terminal === undefined && !config.yes)
      throw new KarmeshError(
        'CONFIG_INVALID',
        'There is nobody to ask; add --yes to take defaults for what is not given.',
      );
    const settings = await readSettings(config.file);
    const identity = await keypairAt(config.keypair);
    const owner = await keypairAt(config.owner);
    if (identity.address === owner.address)
      throw new KarmeshError(
        'CONFIG_INVALID',
        'Owner and identity must be two keys: the identity stays on the machine.',
        {
          keypair: config.keypair,
          owner: config.owner,
        },
      );
    const { url, listen, bootstrap, healthPort, file } = config;
    const own = {
      ...settings.validator,
      url,
      keypair: resolve(config.keypair),
      owner: resolve(config.owner),
      dataDir: resolve(config.dataDir),
      listen,
      bootstrap,
      healthPort,
    };
    await writeFileAtomic({
      path: file,
      bytes: `${JSON.stringify({ ...settings, validator: own }, undefined, 2)}\n`,
      mode: 0o644,
    });
    const isLocal = url === 'localnet';
    const next = [
      ...(isLocal ? [`karmesh airdrop ${owner.address}`, `karmesh airdrop ${identity.address}`] : []),
      'karmesh validator register',
      'karmesh validator doctor',
      'karmesh validator start',
    ];
    output({ json: config.json })().data({ identity, owner, file: resolve(file), next }, (made) =>
      [
        `identity  ${made.identity.address} (${made.identity.isNew ? 'made' : 'found'} in ${config.keypair})`,
        `owner     ${made.owner.address} (${made.owner.isNew ? 'made' : 'found'} in ${config.owner})`,
        `settings  ${made.file}`,
        '',
        isLocal ? 'Next:' : `Send lamports to both: the bond and some fees to the owner, fees to the identity. Next:`,
        ...made.next.map((line) => `  ${line}`),
        '',
        'Keep a copy of the owner’s file away from this machine; once the validator is registered it is not needed here.',
      ].join('\n'),
    );
    return 0;
  },
});

/** The keypair of a file, which is made if it is not there. Throws `KEYPAIR_INVALID`, `KEYPAIR_MODE`, `STORE_FAILED`. */
async function keypairAt(path: string): Promise<{ readonly address: string; readonly isNew: boolean }> {
  try {
    return { address: toBase58((await loadKeypair(path)).publicKey), isNew: false };
  } catch (error) {
    const isMissing = error instanceof KarmeshError && error.facts.errno === 'ENOENT';
    if (!isMissing) throw error;
  }
  return { address: toBase58((await createKeypairFile(path)).publicKey), isNew: true };
}

async function readSettings(path: string): Promise<z.output<typeof fileSchema>> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return {};
    throw new KarmeshError('CONFIG_INVALID', 'The file of settings is there and cannot be read.', { path }, cause);
  }
}
