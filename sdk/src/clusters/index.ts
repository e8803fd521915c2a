import { z } from 'zod';
import { KarmeshError } from '../errors.ts';
import { CHAIN_PARAMETERS, type ChainParameters, type OffchainParameters } from '../protocol/index.ts';
import devnet from './devnet.json' with { type: 'json' };
import localnet from './localnet.json' with { type: 'json' };

export { isLoopback } from './isLoopback.ts';

const parameter = z.strictObject({ value: z.string().regex(/^\d+$/), unit: z.string(), reason: z.string() });
const OFFCHAIN_PARAMETERS = [
  'weightFloor',
  'weightCap',
  'dispatchMaxAgeSlots',
  'clockToleranceMs',
  'latencyBaseMs',
  'latencyPerTokenMs',
  'auditRateStream',
  'auditRateQuorum',
  'auditRateProof',
  'largestGapMicro',
  'gapSumMicroPer1000',
  'differingPer1000',
  'validationKarmaPerVerdict',
  'proofDeadlineSlots',
] as const satisfies readonly (keyof OffchainParameters)[];

/** Who may be the program's upgrade authority: any key, or better or only nobody or the vault of a time-locked multisig. */
export const UPGRADE_RULES = ['anyKey', 'vaultAdvised', 'vaultRequired'] as const;
export type UpgradeRule = (typeof UPGRADE_RULES)[number];

const clusterSchema = z.strictObject({
  name: z.string(),
  rpcUrl: z.url(),
  programId: z.string(),
  genesisHash: z.string().optional(),
  slotMs: z.number(),
  upgradeAuthority: z
    .strictObject({ value: z.enum(UPGRADE_RULES), reason: z.string() })
    .default({ value: 'vaultRequired', reason: 'What is not said is refused.' }),
  chain: z.record(z.enum(CHAIN_PARAMETERS), parameter),
  offchain: z.record(z.enum(OFFCHAIN_PARAMETERS), parameter),
});

/** One cluster's preset: where it is, and every parameter with unit, default and reason (the JSON files beside this one). */
export interface Cluster {
  readonly name: string;
  readonly rpcUrl: string;
  /** Base58 address of the karma program. */
  readonly programId: string;
  /** Base58; undefined where every cluster of this kind has its own. */
  readonly genesisHash?: string | undefined;
  readonly upgradeAuthority: UpgradeRule;
  /** Milliseconds per slot, as the cluster aims at. */
  readonly slotMs: number;
  readonly chain: ChainParameters;
  readonly offchain: OffchainParameters;
}

/** The presets that ship with the SDK. */
export const CLUSTER_NAMES = ['localnet', 'devnet'] as const;
export type ClusterName = (typeof CLUSTER_NAMES)[number];

function values<K extends string>(table: Readonly<Record<K, { readonly value: string }>>): Readonly<Record<K, bigint>> {
  const entries = Object.entries(table) as [K, { readonly value: string }][];
  return Object.fromEntries(entries.map(([name, { value }]) => [name, BigInt(value)])) as Readonly<Record<K, bigint>>;
}

/** A cluster from a preset's JSON. Throws `CONFIG_INVALID` with every fault that it has. */
export function parseCluster(json: unknown): Cluster {
  const parsed = clusterSchema.safeParse(json);
  if (!parsed.success) {
    throw new KarmeshError('CONFIG_INVALID', 'A cluster preset is not valid.', {
      faults: z.prettifyError(parsed.error),
    });
  }
  const { chain, offchain, upgradeAuthority, ...rest } = parsed.data;
  return { ...rest, upgradeAuthority: upgradeAuthority.value, chain: values(chain), offchain: values(offchain) };
}

/** A shipped preset. */
export function clusterPreset(name: ClusterName): Cluster {
  return parseCluster({ localnet, devnet }[name]);
}
