import { Connection } from '@solana/web3.js';
import { chooseCluster } from '../clusters/chooseCluster.ts';
import { CLUSTER_NAMES, type Cluster, clusterPreset } from '../clusters/index.ts';
import { patiently } from '../deploy/patiently.ts';
import { type ProgramFile, readProgramFile } from '../deploy/programFile.ts';
import { KarmeshError } from '../errors.ts';
import { type Address, addressFromBase58, toBase58 } from '../program/index.ts';
import { rpcRequest } from '../program/rpc.ts';
import { equalBytes } from '../protocol/index.ts';
import { type Keypair, loadKeypair } from '../runtime/index.ts';
import type { DeploySettings } from './deploySettings.ts';

/** What `karmesh deploy` is about: which program, where on which cluster, with whose parameters. */
export interface DeployTarget {
  readonly rpcUrl: string;
  readonly connection: Connection;
  readonly genesis: Uint8Array;
  readonly preset: Cluster;
  readonly programId: Address;
  readonly program: ProgramFile;
  /** The program's own key, if it was named. */
  readonly programKeypair: Keypair | undefined;
}

/** Throws `CONFIG_INVALID` for settings that do not belong together, `PROGRAM_MISMATCH` for another file, `GENESIS_MISMATCH` for a node of another cluster than the one that was named. */
export async function openDeployTarget(
  config: DeploySettings,
  { signal }: { readonly signal: AbortSignal },
): Promise<DeployTarget> {
  const chosen = await chooseCluster(config);
  const preset = presetOf(config, chosen.presets);
  const [program, programKeypair] = await Promise.all([
    readProgramFile(config.programFile),
    config.programKeypair === undefined ? undefined : loadKeypair(config.programKeypair),
  ]);
  const programId = programKeypair?.publicKey ?? chosen.programId;
  if (config.programId !== undefined && !equalBytes(programId, addressFromBase58(config.programId))) {
    throw new KarmeshError('CONFIG_INVALID', 'The program’s key is not that of its address.', {
      programId: config.programId,
      programKeypair: toBase58(programId),
    });
  }
  // Pauses between attempts are ours, and are not talked about on stderr.
  const connection = new Connection(chosen.rpcUrl, { commitment: 'confirmed', disableRetryOnRateLimit: true });
  const genesisHash = await patiently({ signal }, () =>
    rpcRequest(connection, 'getGenesisHash', { signal }, () => connection.getGenesisHash()),
  );
  // A preset of a public cluster on a cluster of one's own is a rehearsal, but whoever names the cluster means it.
  if (config.url === preset.name && preset.genesisHash !== undefined && preset.genesisHash !== genesisHash) {
    throw new KarmeshError('GENESIS_MISMATCH', 'The RPC node serves another cluster than the one that was named.', {
      expected: preset.genesisHash,
      found: genesisHash,
    });
  }
  const genesis = addressFromBase58(genesisHash);
  return { rpcUrl: chosen.rpcUrl, connection, genesis, preset, programId, program, programKeypair };
}

function presetOf(config: DeploySettings, presets: readonly Cluster[]): Cluster {
  const named = config.preset ?? CLUSTER_NAMES.find((name) => name === config.url);
  const preset = config.clusterFile === undefined && named !== undefined ? clusterPreset(named) : presets[0];
  if (preset === undefined || (config.clusterFile === undefined && named === undefined)) {
    throw new KarmeshError('CONFIG_INVALID', 'A URL does not say which parameters the program is set up with.', {
      flags: `--preset ${CLUSTER_NAMES.join('|')}, or --cluster-file with parameters of your own`,
    });
  }
  return preset;
}
