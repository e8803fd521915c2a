import { Connection } from '@solana/web3.js';
import { z } from 'zod';
import { CLUSTER_NAMES, type Cluster, clusterPreset } from '../clusters/index.ts';
import { KarmeshError } from '../errors.ts';
import { addressFromBase58, createProgramClient, type ProgramClient, transactionSigner } from '../program/index.ts';

/** The settings of every command that reads the chain. */
export const chainSettings = {
  cluster: z.enum(CLUSTER_NAMES).default('localnet').meta({ description: 'whose parameters and program' }),
  url: z.string().optional().meta({
    description: 'the Solana RPC endpoint, as a URL or a cluster’s name; the cluster’s own unless told',
    flag: 'u',
    placeholder: 'url',
    alsoEnv: 'ANCHOR_PROVIDER_URL',
  }),
  json: z.boolean().default(false).meta({ description: 'one line of JSON on stdout' }),
};

/** A client that only reads: it has no key, and whoever makes it sign gets an error. */
export function readingClient(config: {
  readonly cluster: (typeof CLUSTER_NAMES)[number];
  readonly url?: string | undefined;
}): {
  readonly cluster: Cluster;
  readonly client: ProgramClient;
} {
  const cluster = clusterPreset(config.cluster);
  const known = CLUSTER_NAMES.find((name) => name === config.url);
  const url = known === undefined ? (config.url ?? cluster.rpcUrl) : clusterPreset(known).rpcUrl;
  const payer = transactionSigner({
    publicKey: new Uint8Array(32),
    sign: () => {
      throw new KarmeshError('BAD_ARGUMENT', 'This command only reads the chain.');
    },
  });
  const connection = new Connection(url, 'confirmed');
  return {
    cluster,
    client: createProgramClient({ connection, programId: addressFromBase58(cluster.programId), payer }),
  };
}
