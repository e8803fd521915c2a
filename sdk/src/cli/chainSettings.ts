import { Connection } from '@solana/web3.js';
import { type ChosenCluster, chooseCluster, clusterSettings } from '../clusters/chooseCluster.ts';
import { KarmeshError } from '../errors.ts';
import { speechSettings } from '../participant/settings.ts';
import { createProgramClient, type ProgramClient, transactionSigner } from '../program/index.ts';

/** The settings of every command that reads the chain. */
export const chainSettings = {
  ...clusterSettings,
  ...speechSettings,
};

/** A client that only reads: it has no key, and whoever makes it sign gets an error. Throws `CONFIG_INVALID`. */
export async function readingClient(config: Parameters<typeof chooseCluster>[0]): Promise<{
  readonly cluster: ChosenCluster;
  readonly client: ProgramClient;
}> {
  const cluster = await chooseCluster(config);
  const payer = transactionSigner({
    publicKey: new Uint8Array(32),
    sign: () => {
      throw new KarmeshError('BAD_ARGUMENT', 'This command only reads the chain.');
    },
  });
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  return { cluster, client: createProgramClient({ connection, programId: cluster.programId, payer }) };
}
