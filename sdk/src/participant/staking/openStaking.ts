import { Connection } from '@solana/web3.js';
import { type ChosenCluster, chooseCluster } from '../../clusters/chooseCluster.ts';
import { KarmeshError } from '../../errors.ts';
import {
  type Address,
  addressFromBase58,
  type ConfigAccount,
  createProgramClient,
  NONE,
  type ParticipantAccount,
  type ProgramClient,
  ROLE,
  rpcRequest,
  toBase58,
  transactionSigner,
} from '../../program/index.ts';
import { epochOfSlot, equalBytes } from '../../protocol/index.ts';
import { type Keypair, loadKeypair } from '../../runtime/index.ts';
import type { Now } from './moment.ts';
import type { StakedRole } from './settings.ts';

type Signalled = { readonly signal: AbortSignal };
type ClusterConfig = Parameters<typeof chooseCluster>[0];

/** A cluster as it stands, for somebody who may sign. */
export interface OpenCluster {
  readonly cluster: ChosenCluster;
  readonly client: ProgramClient;
  readonly config: ConfigAccount;
  readonly now: Now;
  /** Undefined before epoch 0. */
  readonly epoch: bigint | undefined;
}

/** Reads the cluster that the settings name. Throws `CONFIG_INVALID` and what `checkCluster` throws. */
export async function openCluster(
  settings: ClusterConfig,
  payer: Keypair,
  { signal }: Signalled,
): Promise<OpenCluster> {
  const cluster = await chooseCluster(settings);
  const connection = new Connection(cluster.rpcUrl, 'confirmed');
  const client = createProgramClient({ connection, programId: cluster.programId, payer: transactionSigner(payer) });
  const config = await client.checkCluster({ signal });
  const slot = BigInt(await rpcRequest(connection, 'getSlot', { signal }, () => connection.getSlot('confirmed')));
  const now: Now = {
    slot,
    slotMs: cluster.presets[0]?.slotMs ?? 400,
    epochZeroSlot: config.started === 0 || config.epochZeroSlot === NONE ? undefined : config.epochZeroSlot,
    slotsPerEpoch: config.parameters[0] ?? 1n,
  };
  return { cluster, client, config, now, epoch: epochOfSlot(now, slot) };
}

/** Who signs for a stake. Throws `CONFIG_INVALID` if neither was named, `KEYPAIR_INVALID`, `KEYPAIR_MODE`. */
export async function loadStaker(settings: {
  readonly owner?: string | undefined;
  readonly staker?: string | undefined;
}): Promise<Keypair> {
  const path = settings.staker ?? settings.owner;
  if (path !== undefined) return loadKeypair(path);
  throw new KarmeshError('CONFIG_INVALID', 'Nobody is named who signs; name the keypair file of the owner.', {
    flag: '--owner',
  });
}

/** The address that a person typed. Throws `CONFIG_INVALID`. */
export function typedAddress(text: string, flag: string): Address {
  try {
    return addressFromBase58(text);
  } catch (cause) {
    throw new KarmeshError('CONFIG_INVALID', 'An address is 32 bytes in base58.', { [flag]: text }, cause);
  }
}

/** Whom settings name: `--validator` or `--worker`. */
export function namedParticipant(settings: {
  readonly validator?: unknown;
  readonly worker?: unknown;
}): string | undefined {
  const named = settings.validator ?? settings.worker;
  return typeof named === 'string' ? named : undefined;
}

/**
 * The participant of a role that is named by its account, owner or identity, or else is the only one that `key` owns or is the identity of.
 *
 * @throws KarmeshError `CONFIG_INVALID` if there is none, or several belong to the key.
 */
export function findParticipant(
  all: readonly ParticipantAccount[],
  wanted: { readonly role: StakedRole['role']; readonly named: string | undefined; readonly key: Address },
): ParticipantAccount {
  const { role, named, key } = wanted;
  const flag = `--${role}`;
  const address = named === undefined ? key : typedAddress(named, flag);
  const found = all.filter(
    (one) =>
      one.role === ROLE[role] &&
      [one.address, one.owner, one.identity].some((candidate) => equalBytes(candidate, address)),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new KarmeshError(
    'CONFIG_INVALID',
    found.length > 0
      ? `Several ${role}s belong to this key; name one of them.`
      : named === undefined
        ? `No ${role} belongs to this key; name one, or another key.`
        : `No ${role} is registered under this address.`,
    {
      [named === undefined ? 'key' : role]: toBase58(address),
      flag,
      known: found.length === 0 ? undefined : found.map((one) => toBase58(one.address)).join(', '),
    },
  );
}
