import { contribute } from '@karmesh/circuits';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { toHex } from '@karmesh/sdk/protocol';
import { command, output } from '@karmesh/sdk/runtime';
import { withCeremonyFaults } from './ceremonyFaults.ts';
import { ceremonyContributeSchema } from './config.ts';

/** `karmesh ceremony contribute FROM TO`. Throws `CEREMONY_REFUSED`. */
export const ceremonyContributeCommand = command({
  program: 'karmesh ceremony contribute',
  summary: 'Multiplies the secret of a ceremony by a random number that is forgotten at once.',
  section: 'ceremony',
  schema: ceremonyContributeSchema,
  positionals: [
    { name: 'from', description: 'the .ptau or .zkey file that you were given' },
    { name: 'to', description: 'the file that you give on' },
  ],
  files: configFiles,
  async run({ config: { name, json }, positionals: [from = '', to = ''] }) {
    const { contributionHash } = await withCeremonyFaults(() => contribute({ from, to, name }));
    output({ json })().data({ path: to, name, contributionHash }, () =>
      [
        `Contributed to ${from} as ${name}; give on ${to}.`,
        'Publish this hash, and look for it when the ceremony has ended:',
        toHex(contributionHash),
      ].join('\n'),
    );
    return 0;
  },
});
