import { Connection } from '@solana/web3.js';
import { z } from 'zod';
import { chooseCluster } from '../clusters/chooseCluster.ts';
import { KarmeshError } from '../errors.ts';
import { type Address, addressFromBase58, explorerLink, requestAirdrop } from '../program/index.ts';
import { command, output } from '../runtime/index.ts';
import { chainSettings } from './chainSettings.ts';
import { configFiles } from './clientConfig.ts';
import type { ListedCommand } from './listedCommand.ts';

const schema = z.object({
  ...chainSettings,
  lamports: z
    .bigint()
    .min(1n)
    .max(BigInt(Number.MAX_SAFE_INTEGER))
    .default(5_000_000_000n)
    .meta({ description: 'how many' }),
});

/** `karmesh airdrop ADDRESS`: lamports from the faucet of a cluster that has one, as localnet and devnet do. */
export const airdropCommand: ListedCommand = {
  title: 'get lamports from the faucet of localnet or devnet',
  ...command({
    program: 'karmesh airdrop',
    summary: 'Asks the faucet of a development cluster for lamports, and waits until they are there.',
    section: 'airdrop',
    schema,
    positionals: [{ name: 'address', description: 'who gets them' }],
    files: configFiles,
    async run({ config, positionals }, { signal }) {
      const [text] = positionals;
      if (text === undefined) throw new KarmeshError('CONFIG_INVALID', 'There is no address.');
      const address = parseAddress(text);
      const { rpcUrl } = await chooseCluster(config);
      const { lamports } = config;
      const signature = await requestAirdrop(new Connection(rpcUrl, 'confirmed'), { address, lamports, signal });
      const link = explorerLink(signature, { rpcUrl });
      output({ json: config.json })().data({ address: text, lamports, signature, link }, () =>
        [`${text} got ${lamports} lamports.`, link].join('\n'),
      );
      return 0;
    },
  }),
};

/** What was typed wrongly is the command line's fault. */
function parseAddress(text: string): Address {
  try {
    return addressFromBase58(text);
  } catch (cause) {
    throw new KarmeshError('CONFIG_INVALID', 'An address is 32 bytes in base58.', { address: text }, cause);
  }
}
