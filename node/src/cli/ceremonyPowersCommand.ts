import { beginPowers } from '@karmesh/circuits';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { command, output } from '@karmesh/sdk/runtime';
import { withCeremonyFaults } from './ceremonyFaults.ts';
import { ceremonyPowersSchema } from './config.ts';

/** `karmesh ceremony powers TO`. Throws `CEREMONY_REFUSED`. */
export const ceremonyPowersCommand = command({
  program: 'karmesh ceremony powers',
  summary: 'Begins powers of tau, the first phase of a ceremony, which all circuits up to a size share.',
  section: 'ceremony',
  schema: ceremonyPowersSchema,
  positionals: [{ name: 'to', description: 'the .ptau file that the first contributor gets' }],
  files: configFiles,
  async run({ config: { power, json }, positionals: [path = ''] }) {
    await withCeremonyFaults(() => beginPowers({ path, power }));
    output({ json })().data({ path, power }, () => `Began ${path} with 2^${power} powers of tau.`);
    return 0;
  },
});
