import { KarmeshError } from '../../errors.ts';
import {
  type Address,
  ASSET,
  associatedTokenAccount,
  type ParticipantAccount,
  readTokenAccount,
  type StakeAccount,
  type StakeName,
  type TokenAccount,
  toBase58,
} from '../../program/index.ts';
import { equalBytes } from '../../protocol/index.ts';
import type { Keypair } from '../../runtime/index.ts';
import type { Asset } from './amounts.ts';
import {
  findParticipant,
  loadStaker,
  namedParticipant,
  type OpenCluster,
  openCluster,
  typedAddress,
} from './openStaking.ts';
import { stakeRefused } from './refuse.ts';
import type { StakedRole } from './settings.ts';
import { type StakeStanding, stakeStanding } from './standing.ts';

/** One staker's stake behind one participant, with who signs for it. */
export interface OpenedStake {
  readonly cluster: OpenCluster;
  readonly participant: ParticipantAccount;
  readonly keypair: Keypair;
  readonly staker: Address;
  readonly asset: Asset;
  readonly name: StakeName;
  /** Where tokens come from and go to; undefined for lamports. */
  readonly tokenAccount: Address | undefined;
  /** Undefined before the first stake. */
  readonly stake: StakeAccount | undefined;
}

type Settings = Parameters<typeof openCluster>[0] & {
  readonly owner?: string | undefined;
  readonly staker?: string | undefined;
  readonly validator?: string | undefined;
  readonly worker?: string | undefined;
  readonly token?: boolean;
  readonly tokenAccount?: string | undefined;
};

/** Reads the stake that the settings name. Throws `CONFIG_INVALID`, `STAKE_REFUSED` where the cluster has no token, and what reading the cluster throws. */
export async function openStake(
  settings: Settings,
  role: StakedRole['role'],
  options: { readonly signal: AbortSignal },
): Promise<OpenedStake> {
  const keypair = await loadStaker(settings);
  const cluster = await openCluster(settings, keypair, options);
  const { client, config } = cluster;
  const staker = keypair.publicKey;
  const named = namedParticipant(settings);
  const participant = findParticipant(await client.participants(options), { role, named, key: staker });
  const asset: Asset = settings.token === true ? 'tokens' : 'lamports';
  const name = { participant: participant.address, staker, asset: ASSET[asset] };
  const tokenAccount = asset === 'lamports' ? undefined : tokenAccountOf(settings, config.tokenMint, staker);
  const stake = await client.stake(name, options);
  return { cluster, participant, keypair, staker, asset, name, tokenAccount, stake };
}

function tokenAccountOf({ tokenAccount }: Settings, mint: Address, staker: Address): Address {
  if (mint.every((byte) => byte === 0)) throw stakeRefused('This cluster has no token: it stakes lamports alone.');
  return tokenAccount === undefined
    ? associatedTokenAccount(staker, mint)
    : typedAddress(tokenAccount, '--token-account');
}

/** The token account of a stake of tokens; undefined for lamports. Throws `STAKE_REFUSED` if there is none at the address. */
export async function stakerTokens(
  { tokenAccount, cluster }: Pick<OpenedStake, 'tokenAccount' | 'cluster'>,
  options: { readonly signal: AbortSignal },
): Promise<TokenAccount | undefined> {
  if (tokenAccount === undefined) return undefined;
  const found = await readTokenAccount(cluster.client.connection, tokenAccount, options);
  if (found !== undefined) return found;
  throw stakeRefused('There is no token account at the address.', {
    tokenAccount: toBase58(tokenAccount),
    flag: '--token-account',
  });
}

/** The stake that is there, with how it stands. Throws `STAKE_REFUSED` if there is none. */
export function standingOf({ cluster, participant, stake }: OpenedStake): {
  readonly stake: StakeAccount;
  readonly standing: StakeStanding;
} {
  if (stake === undefined) throw stakeRefused('This staker has nothing behind this participant.');
  return { stake, standing: stakeStanding(stake, { ...cluster, participant }) };
}

/** Throws `CONFIG_INVALID` unless the keypair is the owner's. */
export function requireOwner({ participant, staker }: Pick<OpenedStake, 'participant' | 'staker'>): void {
  if (equalBytes(participant.owner, staker)) return;
  throw new KarmeshError('CONFIG_INVALID', 'This is not the keypair of the participant’s owner.', { flag: '--owner' });
}
