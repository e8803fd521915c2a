import { openRegistration, registeredLines } from '@karmesh/sdk/participant';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { registerValidator } from '@karmesh/sdk/program';
import { command, output } from '@karmesh/sdk/runtime';
import { registerSchema } from './config.ts';

/** `karmesh-validator register`: bonds an identity as a validator. Its stake counts from the next epoch on. */
export const registerCommand = command({
  program: 'karmesh validator register',
  summary: 'Registers and bonds a validator.',
  section: 'validator-register',
  schema: registerSchema,
  questions: ['url', 'keypair', 'owner', 'bond'],
  files: configFiles,
  async run({ config }, { signal }) {
    const { parameters, register } = await openRegistration(config, { signal });
    const bond = config.bond ?? parameters.minValidatorBond;
    const sent = await register((addresses, keys) => [registerValidator(addresses, { ...keys, bond })], { signal });
    output({ json: config.json })().data({ ...sent, bond }, (shown) =>
      [
        `${shown.dryRun ? 'Would register' : 'Registered'} ${shown.participant} with a bond of ${shown.bond} lamports.`,
        ...registeredLines(shown),
      ].join('\n'),
    );
    return 0;
  },
});
