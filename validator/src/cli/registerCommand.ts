import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import {
  createProgramClient,
  explorerLink,
  registerValidator,
  toBase58,
  transactionSigner,
} from '@karmesh/sdk/program';
import { namedParameters } from '@karmesh/sdk/protocol';
import { loadKeypair, output, readConfig } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import type { Command } from './command.ts';
import { CONFIG_FILES, registerSchema } from './config.ts';

/** `karmesh-validator register`: bonds an identity as a validator. Its stake counts from the next epoch on. */
export const registerCommand: Command = {
  async run({ argv, env, signal }) {
    const read = await readConfig({
      program: 'karmesh validator register',
      summary: 'Registers and bonds a validator.',
      section: 'validator-register',
      schema: registerSchema,
      argv,
      env,
      files: CONFIG_FILES,
    });
    if (read.kind === 'help') {
      process.stdout.write(read.text);
      return 0;
    }
    const { config } = read;
    const talk = output({ json: config.json })();
    const cluster = await chooseCluster(config);
    const [owner, identity] = await Promise.all([loadKeypair(config.owner), loadKeypair(config.keypair)]);
    const client = createProgramClient({
      connection: new Connection(cluster.rpcUrl, 'confirmed'),
      programId: cluster.programId,
      payer: transactionSigner(owner),
    });
    const parameters = namedParameters((await client.checkCluster({ signal })).parameters);
    const bond = config.bond ?? parameters.minValidatorBond;
    const keys = { owner: owner.publicKey, identity: identity.publicKey, bond };
    const sent = await client.send([registerValidator(client.addresses, keys)], {
      signal,
      signers: [transactionSigner(identity)],
    });
    const participant = toBase58(client.addresses.participant(identity.publicKey));
    const link = explorerLink(sent.signature, { rpcUrl: cluster.rpcUrl });
    talk.data({ participant, bond, signature: sent.signature, link }, (shown) =>
      [`Registered ${shown.participant} with a bond of ${shown.bond} lamports.`, shown.link].join('\n'),
    );
    return 0;
  },
};
