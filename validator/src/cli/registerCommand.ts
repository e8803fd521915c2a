import { openRegistration, registeredLines, secp256k1Proof } from '@karmesh/sdk/participant';
import { configFiles } from '@karmesh/sdk/participant/settings';
import { registerValidator } from '@karmesh/sdk/program';
import { toHex } from '@karmesh/sdk/protocol';
import { command, loadSecp256k1Key, output } from '@karmesh/sdk/runtime';
import { registerSchema, startSchema } from './config.ts';

/** `karmesh-validator register`: bonds an identity as a validator. Its stake counts from the next epoch on. */
export const registerCommand = command({
  program: 'karmesh validator register',
  summary: 'Registers and bonds a validator.',
  section: 'validator',
  schema: registerSchema,
  sharedWith: [startSchema],
  questions: ['url', 'keypair', 'owner', 'bond'],
  files: configFiles,
  async run({ config }, { signal }) {
    const key = config.evmKey === undefined ? undefined : await loadSecp256k1Key(config.evmKey);
    const { parameters, domain, register } = await openRegistration(config, { signal });
    const bond = config.bond ?? parameters.minValidatorBond;
    const sent = await register(
      (addresses, keys) => {
        const participant = addresses.participant(keys.identity);
        const proof = key === undefined ? {} : { secp256k1: secp256k1Proof(key, { domain, participant }) };
        return [registerValidator(addresses, { ...keys, ...proof, bond })];
      },
      { signal },
    );
    const evmAddress = key === undefined ? undefined : `0x${toHex(key.address)}`;
    output({ json: config.json })().data({ ...sent, bond, evmAddress }, (shown) =>
      [
        `${shown.dryRun ? 'Would register' : 'Registered'} ${shown.participant} with a bond of ${shown.bond} lamports.`,
        ...(evmAddress === undefined ? [] : [`On EVM chains it signs as ${evmAddress}.`]),
        ...registeredLines(shown),
      ].join('\n'),
    );
    return 0;
  },
});
