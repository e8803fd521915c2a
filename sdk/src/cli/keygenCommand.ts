import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { speechSettings } from '../participant/settings.ts';
import { toBase58 } from '../program/index.ts';
import { toHex } from '../protocol/index.ts';
import { command, createKeypairFile, createSecp256k1KeyFile, output } from '../runtime/index.ts';
import { configFiles } from './clientConfig.ts';
import type { ListedCommand } from './listedCommand.ts';

const schema = z.object({
  evm: z
    .boolean()
    .default(false)
    .meta({ description: 'a key of EVM chains instead, as their tools write them: 0x and 64 digits' }),
  ...speechSettings,
});

/** `karmesh keygen FILE`: a new keypair, or with --evm a key of EVM chains; its address is all of stdout, so that a shell can keep it. */
export const keygenCommand: ListedCommand = {
  title: 'make a keypair file and show its address',
  ...command({
    program: 'karmesh keygen',
    summary: 'Makes a keypair, as the Solana CLI writes them, in a new file that only you can read.',
    section: 'keygen',
    schema,
    positionals: [{ name: 'file', description: 'the file to make; one that is there is never overwritten' }],
    files: configFiles,
    async run({ config, positionals }) {
      const [path] = positionals;
      if (path === undefined) throw new KarmeshError('CONFIG_INVALID', 'There is no file to make.');
      const address = config.evm
        ? `0x${toHex((await createSecp256k1KeyFile(path)).address)}`
        : toBase58((await createKeypairFile(path)).publicKey);
      output({ json: config.json })().data({ address, path }, (made) => made.address);
      return 0;
    },
  }),
};
