import { chooseCluster } from '@karmesh/sdk/clusters/choose';
import { createProgramClient, explorerLink, registerWorker, toBase58, transactionSigner } from '@karmesh/sdk/program';
import { namedParameters } from '@karmesh/sdk/protocol';
import { loadKeypair, output, readConfig } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import type { Command } from './command.ts';
import { CONFIG_FILES, registerSchema } from './config.ts';
import { openEngine } from './openEngine.ts';

/** `karmesh-worker register`: bonds an identity as a worker of this machine's engine class and model. Nothing else registers. */
export const registerCommand: Command = {
  async run({ argv, env, signal }) {
    const read = await readConfig({
      program: 'karmesh worker register',
      summary: 'Registers and bonds a worker with the engine class and model of this machine.',
      section: 'worker-register',
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
    talk.talk('Loading the model to see which engine class this machine has.');
    await using engine = await openEngine(config, { signal });
    const { engineClassId, modelId } = engine.describe();
    const bond = config.bond ?? parameters.minWorkerBond;
    const instruction = registerWorker(client.addresses, {
      owner: owner.publicKey,
      identity: identity.publicKey,
      bond,
      engineClass: engineClassId,
      models: [modelId],
    });
    const sent = await client.send([instruction], { signal, signers: [transactionSigner(identity)] });
    const participant = toBase58(client.addresses.participant(identity.publicKey));
    const link = explorerLink(sent.signature, { rpcUrl: cluster.rpcUrl });
    talk.data({ participant, bond, engineClassId, modelId, signature: sent.signature, link }, (shown) =>
      [`Registered ${shown.participant} with a bond of ${shown.bond} lamports.`, shown.link].join('\n'),
    );
    return 0;
  },
};
