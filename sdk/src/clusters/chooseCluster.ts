import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { nearestName } from '../nearestName.ts';
import { type Address, addressFromBase58, PROGRAM_ID } from '../program/index.ts';
import { CLUSTER_NAMES, type Cluster, clusterPreset, parseCluster } from './index.ts';
import { isLoopback } from './isLoopback.ts';

export { differingParameters, isLocalnet, parametersOf } from './parametersOf.ts';

/** The settings by which every program names its cluster. */
export const clusterSettings = {
  url: z.string().default('localnet').meta({
    flag: 'u',
    description: 'the cluster: localnet, devnet or the URL of an RPC node',
    alsoEnv: 'ANCHOR_PROVIDER_URL',
  }),
  programId: z
    .string()
    .optional()
    .meta({ description: 'the karma program, if it is not at its usual address', placeholder: 'address' }),
  clusterFile: z.string().optional().meta({
    description: 'parameters of a cluster of your own, as a JSON file like the shipped presets',
    placeholder: 'file',
  }),
};

/** Which cluster a program speaks to. */
export interface ChosenCluster {
  readonly rpcUrl: string;
  readonly programId: Address;
  /** All participants are on one machine. */
  readonly isLocal: boolean;
  /** The presets that may be this cluster's; `parametersOf` picks. */
  readonly presets: readonly Cluster[];
}

/** The cluster that the settings name. Throws `CONFIG_INVALID`. */
export async function chooseCluster(
  config: Readonly<z.output<z.ZodObject<typeof clusterSettings>>>,
): Promise<ChosenCluster> {
  const own = config.clusterFile === undefined ? undefined : await readClusterFile(config.clusterFile);
  const named = CLUSTER_NAMES.find((name) => name === config.url);
  const rpcUrl = named === undefined ? config.url : (own ?? clusterPreset(named)).rpcUrl;
  if (!URL.canParse(rpcUrl)) {
    throw new KarmeshError('CONFIG_INVALID', 'The cluster is neither a known name nor a URL.', {
      url: config.url,
      didYouMean: nearestName(config.url, CLUSTER_NAMES),
      known: CLUSTER_NAMES.join(', '),
    });
  }
  const address = config.programId ?? own?.programId;
  return {
    rpcUrl,
    programId: address === undefined ? PROGRAM_ID : addressFromBase58(address),
    isLocal: isLoopback(rpcUrl),
    presets: own === undefined ? CLUSTER_NAMES.map(clusterPreset) : [own],
  };
}

async function readClusterFile(path: string): Promise<Cluster> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new KarmeshError('CONFIG_INVALID', 'The file of cluster parameters cannot be read.', { path }, cause);
  }
  return parseCluster(json);
}
