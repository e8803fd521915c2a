import {
  ASSET,
  decodeStake,
  PROGRAM_ID,
  type StakeAccount,
  type StakeName,
  setStakeToken,
  stake,
  unstake,
  withdrawStake,
} from '@karmesh/sdk/program';
import type { Keypair } from '@karmesh/sdk/runtime';
import type { TransactionInstruction } from '@solana/web3.js';
import { expect } from 'vitest';
import { namedKey } from './keys.ts';
import type { Ran } from './ledger/ledger.ts';
import { type LiteSvmLedger, liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { fixSupply, makeMint, makeTokenAccount, mintTo } from './tokenSteps.ts';
import { buildWorld, type Member, must, SOL, startWorld, type World, type WorldOptions } from './world.ts';

/** Four epochs of 64 slots on the way out, nothing in the first. */
export const HELD = 64n;
export const COOL_DOWN = 256n;

/** Half a lamport of weight for each base unit of the token. */
export const TOKEN_RATE = 1n << 31n;

export interface StakeWorld extends World<LiteSvmLedger> {
  readonly validator: Member;
  readonly worker: Member;
  /** Two who own nothing of the cluster. */
  readonly staker: Keypair;
  readonly other: Keypair;
}

/** A started cluster with two more people who have 100 SOL each. */
export async function stakeWorld(options: WorldOptions & { readonly started?: boolean } = {}): Promise<StakeWorld> {
  const ledger = liteSvmLedger();
  const parameters = { evidenceEpochs: 1n, coolDownEpochs: 4n, ...options.parameters };
  const world = await buildWorld(ledger, { ...options, parameters });
  if (options.started !== false) await startWorld(world);
  const [staker, other] = [namedKey('staker'), namedKey('other staker')];
  await ledger.fund(staker.publicKey, 100n * SOL);
  await ledger.fund(other.publicKey, 100n * SOL);
  const [validator] = world.validators as [Member];
  const [worker] = world.workers as [Member];
  return { ...world, validator, worker, staker, other };
}

export interface TokenWorld extends StakeWorld {
  readonly mint: Uint8Array;
  readonly stakerTokens: Uint8Array;
  readonly otherTokens: Uint8Array;
}

/** As `stakeWorld`, with a token of which both have 1,000,000 units, and the operator the rest of 10,000,000. */
export async function tokenWorld(options: WorldOptions = {}): Promise<TokenWorld> {
  const world = await stakeWorld({ ...options, started: false });
  const { ledger, operator, staker, other } = world;
  const mint = await makeMint(ledger, operator, { name: 'mint' });
  const fill = async (name: string, owner: Keypair, amount: bigint): Promise<Uint8Array> => {
    const to = await makeTokenAccount(ledger, operator, { name, mint, owner: owner.publicKey });
    await mintTo(ledger, operator, { mint, to, amount });
    return to;
  };
  const stakerTokens = await fill('staker tokens', staker, 1_000_000n);
  const otherTokens = await fill('other tokens', other, 1_000_000n);
  await fill('operator tokens', operator, 8_000_000n);
  await fixSupply(ledger, operator, mint);
  await ledger.send(
    [setStakeToken(world.addresses, { initialiser: operator.publicKey, mint, rate: TOKEN_RATE })],
    [operator],
  );
  await startWorld(world);
  return { ...world, mint, stakerTokens, otherTokens };
}

/** The stake of `staker` behind `member`, of lamports unless told. */
export function nameOf(member: Member, staker: Keypair, asset: number = ASSET.lamports): StakeName {
  return { participant: member.address, staker: staker.publicKey, asset };
}

export async function readStake(world: World, name: StakeName): Promise<StakeAccount> {
  return decodeStake(await must(world.ledger.account(world.addresses.stake(name))));
}

/** Lamports behind a member, by one who signs. */
export function sendStake(world: World, member: Member, staker: Keypair, amount: bigint): Promise<Ran> {
  return world.ledger.send([stake(world.addresses, { ...nameOf(member, staker), amount })], [staker]);
}

export function sendUnstake(world: World, member: Member, staker: Keypair, units?: bigint): Promise<Ran> {
  const amount = units === undefined ? {} : { units };
  return world.ledger.send([unstake(world.addresses, { ...nameOf(member, staker), ...amount })], [staker]);
}

export function sendWithdraw(world: World, member: Member, staker: Keypair): Promise<Ran> {
  return world.ledger.send([withdrawStake(world.addresses, nameOf(member, staker))], [staker]);
}

/** Sends an instruction that must be refused with this error, by a payer who stands in none of its accounts, and leave every account as it was. */
export async function refusedWhole(
  world: World,
  sent: { readonly instruction: TransactionInstruction; readonly signers: readonly Keypair[] },
  error: string,
): Promise<void> {
  const payer = namedKey('fees');
  await world.ledger.fund(payer.publicKey, SOL);
  const accounts = () => Promise.all(sent.instruction.keys.map(({ pubkey }) => world.ledger.account(pubkey.toBytes())));
  const before = await accounts();
  await refused(world.ledger.send([sent.instruction], [payer, ...sent.signers]), error);
  expect(await accounts()).toEqual(before);
}

/** Where the program's accounts have what only other instructions move. */
export const OFFSET = {
  participant: {
    openCases: 174,
    slashIndex: 488,
    rewardPerUnit: 528,
    rewardLamports: 544,
    commissionLamports: 552,
  },
  config: { pausedUntilEpoch: 968 },
} as const;

/** Overwrites a number in an account of the program's, and adds lamports to it. */
export async function bend(
  world: StakeWorld,
  address: Uint8Array,
  change: { readonly offset: number; readonly value: bigint; readonly bytes?: 2 | 8; readonly lamports?: bigint },
): Promise<void> {
  const account = await must(world.ledger.account(address));
  const data = Buffer.from(account.data);
  if (change.bytes === 2) data.writeUInt16LE(Number(change.value), change.offset);
  else data.writeBigUInt64LE(change.value, change.offset);
  world.ledger.setAccount({
    address,
    lamports: account.lamports + (change.lamports ?? 0n),
    data: new Uint8Array(data),
    owner: PROGRAM_ID,
  });
}

/** Lowers what every unit behind a participant is worth, as a slash does: what they lost leaves the account. */
export async function slash(world: StakeWorld, member: Member, index: bigint): Promise<void> {
  await bend(world, member.address, { offset: OFFSET.participant.slashIndex, value: index });
}

/** A reward of so many lamports to each unit, as a vote's pay gives it (P-31), with the lamports that all units earn. */
export async function reward(
  world: StakeWorld,
  member: Member,
  given: { readonly perUnit: bigint; readonly lamports: bigint },
): Promise<void> {
  const { rewardPerUnit, rewardLamports } = OFFSET.participant;
  await bend(world, member.address, { offset: rewardPerUnit + 8, value: given.perUnit });
  await bend(world, member.address, { offset: rewardLamports, value: given.lamports, lamports: given.lamports });
}
