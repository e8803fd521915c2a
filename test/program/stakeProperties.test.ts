import {
  ASSET,
  closeStake,
  closeVote,
  collectCommission,
  collectRewards,
  decodeStake,
  idl,
  NONE,
  PROGRAM_ID,
  programErrorName,
  setCommission,
  stake,
  unstake,
  withdrawStake,
} from '@karmesh/sdk/program';
import { weightIn } from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import type { TransactionInstruction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { namedKey } from './keys.ts';
import {
  epochOf,
  type ModelChain,
  type ModelParticipant,
  modelClose,
  modelCollect,
  modelCommission,
  modelReward,
  modelSetCommission,
  modelSlash,
  modelStake,
  modelUnstake,
  modelWithdraw,
  newParticipant,
  type Outcome,
  sumOf,
  weightOf,
  worth,
} from './stakeModel.ts';
import { bend, COOL_DOWN, nameOf, OFFSET, slash, TOKEN_RATE, type TokenWorld, tokenWorld } from './stakeSteps.ts';
import { tokensIn } from './tokenSteps.ts';
import { firstSlot, lamportsOf, type Member, must, readConfig, readParticipant, SOL } from './world.ts';

const STEPS = 250;
const SEEDS = (process.env.STAKE_SEEDS ?? '1 2 3').split(' ').map(BigInt);
/** Of the only vote of a made-up epoch, who revealed the report and no salt. */
const VOTE_STAKE = 5n;
const MASK = (1n << 64n) - 1n;

/** SplitMix64: the same numbers for the same seed. */
function generator(seed: bigint): (below: bigint) => bigint {
  let state = seed;
  return (below) => {
    state = (state + 0x9e37_79b9_7f4a_7c15n) & MASK;
    let z = ((state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
    return (z ^ (z >> 31n)) % below;
  };
}

interface Wallet {
  readonly name: string;
  readonly key: Keypair;
  readonly tokens: Uint8Array;
}

/** Two validators and a worker that everybody does something to, with the model of each. */
interface Play {
  readonly world: TokenWorld;
  readonly wallets: readonly Wallet[];
  readonly members: readonly { readonly member: Member; readonly model: ModelParticipant }[];
  readonly chain: ModelChain;
  readonly payer: Keypair;
  readonly rents: { readonly stake: bigint; readonly participant: bigint };
  /** What rewards brought and slashes took. */
  created: bigint;
  votes: bigint;
}

async function newPlay(): Promise<Play> {
  const world = await tokenWorld();
  const { ledger, operator, staker, other, stakerTokens, otherTokens, parameters } = world;
  const payer = namedKey('fees');
  await ledger.fund(payer.publicKey, 100n * SOL);
  await ledger.fund(world.addresses.vault, 1_000n * SOL);
  await ledger.fund(operator.publicKey, 100n * SOL);
  const [first, second] = world.validators as [Member, Member];
  const workerOwner = world.worker.owner;
  const config = await readConfig(world);
  await ledger.untilSlot(await firstSlot(world, 2n));
  const of = (name: string, key: Keypair, tokens: Uint8Array): Wallet => ({ name, key, tokens });
  return {
    world,
    payer,
    created: 0n,
    votes: 0n,
    rents: { stake: await ledger.rent(184), participant: await ledger.rent(832) },
    wallets: [
      of('operator', operator, namedKey('operator tokens').publicKey),
      of('staker', staker, stakerTokens),
      of('other', other, otherTokens),
      of('worker', workerOwner, stakerTokens),
    ],
    members: [
      { member: first, model: newParticipant({ validator: true, owner: 'operator', minimum: 2n * SOL }) },
      { member: second, model: newParticipant({ validator: true, owner: 'operator', minimum: 2n * SOL }) },
      { member: world.worker, model: newParticipant({ validator: false, owner: 'worker', minimum: SOL }) },
    ],
    chain: { parameters, tokenRate: TOKEN_RATE, epochZeroSlot: config.epochZeroSlot, slot: await ledger.slot() },
  };
}

/** Where Epoch and Vote have what a paid vote needs. */
async function payVote(play: Play, member: Member, lamports: bigint): Promise<void> {
  const { world, payer, chain } = play;
  const { addresses, ledger } = world;
  const epoch = 1_000n + play.votes++;
  const made = async (name: string, address: Uint8Array, size: number, fill: (data: Buffer) => void) => {
    const data = Buffer.alloc(size);
    data.set(idl.accounts?.find((account) => account.name === name)?.discriminator ?? []);
    fill(data);
    ledger.setAccount({
      address,
      lamports: await ledger.rent(size),
      data: new Uint8Array(data),
      owner: PROGRAM_ID,
    });
  };
  await made('Epoch', addresses.epoch(epoch), 1024, (data) => {
    data.writeBigUInt64LE(epoch, 8);
    data.writeUInt8(6, 16);
    data.writeBigUInt64LE(chain.epochZeroSlot, 872);
    data.writeBigUInt64LE(lamports, 920);
    data.writeBigUInt64LE(2n * VOTE_STAKE, 928);
  });
  await made('Vote', addresses.vote(epoch, member.address), 192, (data) => {
    data.set(member.address, 8);
    data.writeBigUInt64LE(epoch, 40);
    data.writeBigUInt64LE(VOTE_STAKE, 48);
    data.writeUInt8(8, 56);
    data.set(payer.publicKey, 160);
  });
  await ledger.send([closeVote(addresses, { epoch, validator: member.address, payer: payer.publicKey })], [payer]);
}

function walletOf({ wallets }: Play, stake: string): Wallet {
  const wallet = wallets.find(({ name }) => stake.startsWith(`${name} `));
  if (wallet === undefined) throw new RangeError('Nobody has this stake.');
  return wallet;
}

/** One random step in the program and in the model, which must come to the same. */
async function step(play: Play, random: (below: bigint) => bigint): Promise<string> {
  const { world, chain } = play;
  const { ledger, addresses } = world;
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Number(random(BigInt(items.length)))];
    if (item === undefined) throw new RangeError('There is nothing to pick.');
    return item;
  };
  const { member, model } = pick([...play.members, ...play.members.slice(0, 2)]);
  if (model.cases > 0n && random(4n) === 0n) {
    model.cases = 0n;
    await bend(world, member.address, { offset: OFFSET.participant.openCases, value: 0n, bytes: 2 });
    return 'the cases are closed';
  }
  const anybody = (): string => {
    const name = pick(play.wallets).name;
    return `${name} ${name !== 'worker' && random(3n) === 0n ? ASSET.tokens : ASSET.lamports}`;
  };
  const key = random(4n) === 0n || model.stakes.size === 0 ? anybody() : pick([...model.stakes.keys()]);
  const wallet = walletOf(play, key);
  const asset = Number(key.split(' ')[1]);
  const named = { staker: wallet.name, asset };
  const accounts = { ...nameOf(member, wallet.key, asset), stakerTokens: wallet.tokens };
  const run = async (instruction: TransactionInstruction, signers: readonly Keypair[]): Promise<string> =>
    await ledger.send([instruction], [play.payer, ...signers]).then(
      () => 'ran',
      (error: unknown) => programErrorName(error) ?? Promise.reject(error),
    );
  const said = (outcome: Outcome): string => ('error' in outcome ? outcome.error : 'ran');
  const what = random(100n);
  if (what < 22n) {
    const has =
      asset === ASSET.lamports ? await lamportsOf(world, wallet.key.publicKey) : await tokensIn(ledger, wallet.tokens);
    const most = asset === ASSET.lamports ? 3n * SOL : has;
    const amounts = [random(1_000n), 1n + random(most + 1n), 1n + random(most + 1n), has + 1n];
    const amount = pick(amounts);
    const outcome = modelStake(chain, model, { ...named, amount, available: has });
    expect(await run(stake(addresses, { ...accounts, amount }), [wallet.key])).toBe(said(outcome));
    return `${wallet.name} stakes ${amount} of ${asset}: ${said(outcome)}`;
  }
  if (what < 38n) {
    const has = model.stakes.get(`${wallet.name} ${asset}`)?.units ?? 0n;
    const units = pick([NONE, random(has + 2n), random(has / 2n + 1n), has + 1n]);
    const outcome = modelUnstake(chain, model, { ...named, units });
    expect(await run(unstake(addresses, { ...accounts, units }), [wallet.key])).toBe(said(outcome));
    return `${wallet.name} unstakes ${units} of ${asset}: ${said(outcome)}`;
  }
  if (what < 57n) {
    const outcome = modelWithdraw(chain, model, named);
    expect(await run(withdrawStake(addresses, accounts), [wallet.key])).toBe(said(outcome));
    return `${wallet.name} withdraws of ${asset}: ${said(outcome)}`;
  }
  if (what < 67n) {
    const outcome = modelCollect(chain, model, named);
    expect(await run(collectRewards(addresses, accounts), [])).toBe(said(outcome));
    return `${wallet.name} collects of ${asset}: ${said(outcome)}`;
  }
  if (what < 69n) {
    const owner = play.wallets.find(({ name }) => name === model.owner)?.key.publicKey ?? member.address;
    const outcome = modelCommission(model);
    expect(await run(collectCommission(addresses, { owner, participant: member.address }), [])).toBe(said(outcome));
    return `the owner collects its commission: ${said(outcome)}`;
  }
  if (what < 73n) {
    const outcome = modelClose(model, named);
    expect(await run(closeStake(addresses, accounts), [wallet.key])).toBe(said(outcome));
    return `${wallet.name} closes ${asset}: ${said(outcome)}`;
  }
  if (what < 75n && model.validator) {
    const bps = random(10_001n);
    const outcome = modelSetCommission(chain, model, bps);
    const set = setCommission(addresses, {
      owner: world.operator.publicKey,
      participant: member.address,
      bps: Number(bps),
    });
    expect(await run(set, [world.operator])).toBe(said(outcome));
    return `the commission becomes ${bps}: ${said(outcome)}`;
  }
  if (what < 83n && model.validator) {
    const lamports = pick([random(100n), random(SOL)]);
    modelReward(chain, model, lamports);
    await payVote(play, member, lamports);
    play.created += lamports;
    return `a vote earns ${lamports}`;
  }
  if (what < 85n) {
    // Down to a tenth at most, and now and then to where nobody can stake any more.
    const index = random(12n) === 0n ? model.index >> 8n : (model.index * (100n + random(901n))) / 1_000n;
    const lost = modelSlash(model, index);
    await slash(world, member, index);
    await bend(world, member.address, { offset: OFFSET.participant.slashIndex, value: index, lamports: -lost });
    play.created -= lost;
    return `a slash to ${index} takes ${lost}`;
  }
  if (what < 86n) {
    model.cases = 1n;
    await bend(world, member.address, { offset: OFFSET.participant.openCases, value: model.cases, bytes: 2 });
    return 'a case is open';
  }
  chain.slot += 1n + random(120n);
  await ledger.untilSlot(chain.slot);
  return `slot ${chain.slot}`;
}

/** Every account is what the model says, and what must always hold does. */
async function check(play: Play, before: bigint): Promise<void> {
  const { world, chain, rents } = play;
  const { ledger, addresses } = world;
  let total = 0n;
  let tokens = 0n;
  for (const { key, tokens: held, name } of play.wallets) {
    total += await lamportsOf(world, key.publicKey);
    if (name !== 'worker') tokens += await tokensIn(ledger, held);
  }
  let tokenWorth = 0n;
  for (const { member, model } of play.members) {
    const account = await readParticipant(world, member.address);
    const both = (of: Parameters<typeof sumOf>[2]) => [sumOf(model, 0, of), sumOf(model, 1, of)] as const;
    // The sum of the stakes is the participant's.
    const units = both((one) => one.units);
    const leaving = both((one) => one.leaving - one.left);
    expect({
      units: account.units,
      unbondingUnits: account.unbondingUnits,
      ownUnits: account.ownUnits,
      rewardPerUnit: account.rewardPerUnit[0] + (account.rewardPerUnit[1] << 64n),
      rewardLamports: account.rewardLamports,
      commissionLamports: account.commissionLamports,
      commissionBps: account.commissionBps.map(BigInt),
      commissionFromEpoch: account.commissionFromEpoch,
    }).toEqual({
      units,
      unbondingUnits: leaving,
      ownUnits: model.stakes.get(`${model.owner} 0`)?.units ?? 0n,
      rewardPerUnit: model.earned,
      rewardLamports: model.rewards,
      commissionLamports: model.commission,
      commissionBps: model.bps,
      commissionFromEpoch: model.bpsFrom,
    });
    for (let epoch = epochOf(chain) - 1n; epoch <= epochOf(chain) + 1n; epoch++) {
      expect(weightIn(account.weights, epoch)).toBe(weightOf(model, epoch));
    }
    let pending = 0n;
    for (const [key, one] of model.stakes) {
      const name = nameOf(member, walletOf(play, key).key, Number(key.split(' ')[1]));
      const raw = await must(ledger.account(addresses.stake(name)));
      const read = decodeStake(raw);
      expect({
        units: read.units,
        seen: read.rewardPerUnit[0] + (read.rewardPerUnit[1] << 64n),
        rewards: read.rewardLamports,
        leaving: read.unbondingUnits,
        left: read.releasedUnits,
        from: read.unbondingFromSlot,
      }).toEqual({
        units: one.units,
        seen: one.seen,
        rewards: one.rewards,
        leaving: one.leaving,
        left: one.left,
        from: one.from,
      });
      expect(raw.lamports).toBe(rents.stake);
      total += raw.lamports;
      pending += one.rewards;
      // Nobody takes out more than it put in, nor more rewards than its share.
      expect(one.paidOut).toBeLessThanOrEqual(one.paidIn);
      expect((one.collected + one.rewards) << 64n).toBeLessThanOrEqual(one.entitled);
    }
    expect(pending).toBeLessThanOrEqual(account.rewardLamports);
    const lamports = await lamportsOf(world, member.address);
    total += lamports;
    const claims = worth(units[0] + leaving[0], model.index) + account.rewardLamports + account.commissionLamports;
    expect(lamports).toBeGreaterThanOrEqual(rents.participant + claims);
    tokenWorth += worth(units[1] + leaving[1], model.index);
  }
  const held = await tokensIn(ledger, addresses.tokenVault);
  expect(held).toBeGreaterThanOrEqual(tokenWorth);
  expect(held + tokens).toBe(10_000_000n);
  // Lamports come from rewards and go by slashes alone: nothing is paid twice.
  expect(total).toBe(before + play.created);
  const { stake: sum } = await readConfig(world);
  for (let epoch = epochOf(chain) - 1n; epoch <= epochOf(chain) + 1n; epoch++) {
    const weights = play.members.map(({ model }) => (model.validator ? weightOf(model, epoch) : 0n));
    expect(weightIn(sum, epoch)).toBe(weights.reduce((a, b) => a + b, 4n * SOL));
  }
}

test.each(SEEDS)('P-28 to P-31: whatever stakers do, the program pays what the model pays (seed %i)', async (seed) => {
  const random = generator(seed);
  const play = await newPlay();
  let before = 0n;
  for (const { key } of play.wallets) before += await lamportsOf(play.world, key.publicKey);
  for (const { member, model } of play.members) {
    before += await lamportsOf(play.world, member.address);
    before += BigInt(model.stakes.size) * play.rents.stake;
  }
  const log: string[] = [];
  for (let i = 1; i <= STEPS; i++) {
    try {
      log.push(await step(play, random));
      if (i % (STEPS / 2) === 0) await leave(play);
      await check(play, before);
    } catch (error) {
      throw new Error(`After these steps:\n${log.slice(-12).join('\n')}`, { cause: error });
    }
  }
  // The play did what it is about.
  for (const verb of ['stakes', 'unstakes', 'withdraws', 'collects']) {
    expect(log.some((line) => line.includes(` ${verb} `) && line.endsWith('ran'))).toBe(true);
    expect(log.some((line) => line.includes(` ${verb} `) && !line.endsWith('ran'))).toBe(true);
  }
  for (const { member, model } of play.members) {
    expect(model.stakes.size).toBe(0);
    // What is left is the rent, the commission and less than a lamport for each time that something was rounded.
    const account = await readParticipant(play.world, member.address);
    const left = (await lamportsOf(play.world, member.address)) - play.rents.participant - account.commissionLamports;
    expect(left).toBeLessThan(BigInt(STEPS));
  }
});

/** Everybody takes out everything, after which some begin anew. */
async function leave(play: Play): Promise<void> {
  const { world, chain, payer } = play;
  const { ledger, addresses } = world;
  const each = async (
    act: (model: ModelParticipant, named: { readonly staker: string; readonly asset: number }) => Outcome,
    build: (accounts: Parameters<typeof withdrawStake>[1]) => TransactionInstruction,
  ) => {
    for (const { member, model } of play.members) {
      for (const key of [...model.stakes.keys()]) {
        const wallet = walletOf(play, key);
        const named = { staker: wallet.name, asset: Number(key.split(' ')[1]) };
        if ('error' in act(model, named)) continue;
        const instruction = build({ ...nameOf(member, wallet.key, named.asset), stakerTokens: wallet.tokens });
        const signs = instruction.keys.some(({ isSigner }) => isSigner);
        await ledger.send([instruction], [payer, ...(signs ? [wallet.key] : [])]);
      }
    }
  };
  for (const { member, model } of play.members) {
    model.cases = 0n;
    await bend(world, member.address, { offset: OFFSET.participant.openCases, value: 0n, bytes: 2 });
  }
  await each(
    (model, named) => modelUnstake(chain, model, { ...named, units: NONE }),
    (accounts) => unstake(addresses, accounts),
  );
  chain.slot += COOL_DOWN;
  await ledger.untilSlot(chain.slot);
  await each(
    (model, named) => modelWithdraw(chain, model, named),
    (accounts) => withdrawStake(addresses, accounts),
  );
  await each(
    (model, named) => modelCollect(chain, model, named),
    (accounts) => collectRewards(addresses, accounts),
  );
  await each(modelClose, (accounts) => closeStake(addresses, accounts));
}
