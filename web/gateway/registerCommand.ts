import { clusterSettings } from '@karmesh/sdk/clusters/choose';
import { openRegistration, registeredLines } from '@karmesh/sdk/participant';
import { bondSettings, configFiles, identitySettings, speechSettings } from '@karmesh/sdk/participant/settings';
import { openEscrow, registerGateway, toBase58 } from '@karmesh/sdk/program';
import { command, output } from '@karmesh/sdk/runtime';
import { z } from 'zod';

const schema = z.object({
  ...clusterSettings,
  ...identitySettings,
  ...bondSettings,
  deposit: z.bigint().min(1n).meta({
    description: 'lamports for the escrow that pays for the requests of this gateway',
    placeholder: 'lamports',
  }),
  ...speechSettings,
});

/** `karmesh-gateway register`: bonds an identity as a gateway and opens its owner's escrow with it, both or neither. */
export const registerCommand = command({
  program: 'karmesh gateway register',
  summary: 'Registers and bonds a gateway, and opens the escrow that pays for its requests.',
  section: 'gateway-register',
  schema,
  questions: ['url', 'keypair', 'owner', 'bond', 'deposit'],
  files: configFiles,
  async run({ config }, { signal }) {
    const { parameters, register } = await openRegistration(config, { signal });
    const bond = config.bond ?? parameters.minGatewayBond;
    const { deposit } = config;
    let escrow = '';
    const sent = await register(
      (addresses, keys) => {
        const gateway = addresses.participant(keys.identity);
        escrow = toBase58(addresses.escrow(gateway, keys.owner));
        return [
          registerGateway(addresses, { ...keys, bond }),
          openEscrow(addresses, { buyer: keys.owner, gateway, amount: deposit }),
        ];
      },
      { signal },
    );
    output({ json: config.json })().data({ ...sent, bond, escrow, deposit }, (shown) =>
      [
        `${shown.dryRun ? 'Would register' : 'Registered'} ${shown.participant} with a bond of ${shown.bond} lamports.`,
        `Its escrow ${shown.escrow} ${shown.dryRun ? 'would hold' : 'holds'} ${shown.deposit} lamports.`,
        ...registeredLines(shown),
      ].join('\n'),
    );
    return 0;
  },
});
