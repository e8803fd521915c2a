import { ASSET, eventsInLogs, PROGRAM_ID, stake, TOKEN_PROGRAM } from '@karmesh/sdk/program';
import { WHOLE, weightIn } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { namedKey } from './keys.ts';
import {
  bend,
  nameOf,
  OFFSET,
  readStake,
  refusedWhole,
  reward,
  type StakeWorld,
  sendStake,
  slash,
  stakeWorld,
  type TokenWorld,
  tokenWorld,
} from './stakeSteps.ts';
import { giveTokenAccount, makeMint, makeTokenAccount, mintTo, tokensIn } from './tokenSteps.ts';
import { firstSlot, lamportsOf, must, readConfig, readParticipant, SOL } from './world.ts';

const MAX = (1n << 64n) - 1n;

const lamportStake = (world: StakeWorld, amount: bigint, member = world.validator) =>
  stake(world.addresses, { ...nameOf(member, world.staker), amount });

const tokenStake = (world: TokenWorld, amount: bigint, stakerTokens = world.stakerTokens) =>
  stake(world.addresses, { ...nameOf(world.validator, world.staker, ASSET.tokens), stakerTokens, amount });

test('P-30: lamports of anybody stand behind a validator, and count from the next epoch on', async () => {
  const world = await stakeWorld();
  const { ledger, addresses, staker, validator, operator } = world;
  const [before, config] = [await readParticipant(world, validator.address), await readConfig(world)];
  const held = await lamportsOf(world, validator.address);
  const had = await lamportsOf(world, staker.publicKey);
  const { logs } = await ledger.send([lamportStake(world, 5n * SOL)], [operator, staker]);

  const name = nameOf(validator, staker);
  expect(await readStake(world, name)).toEqual({
    address: addresses.stake(name),
    ...name,
    bump: expect.any(Number),
    units: 5n * SOL,
    rewardPerUnit: [0n, 0n],
    rewardLamports: 0n,
    unbondingUnits: 0n,
    releasedUnits: 0n,
    unbondingFromSlot: 0n,
  });
  const after = await readParticipant(world, validator.address);
  expect(after).toEqual({ ...before, units: [7n * SOL, 0n], weights: after.weights });
  expect([0n, 1n].map((epoch) => weightIn(after.weights, epoch))).toEqual([2n * SOL, 7n * SOL]);
  const total = (await readConfig(world)).stake;
  expect(await readConfig(world)).toEqual({ ...config, stake: total });
  expect([0n, 1n].map((epoch) => weightIn(total, epoch))).toEqual([8n * SOL, 13n * SOL]);
  expect((await lamportsOf(world, validator.address)) - held).toBe(5n * SOL);
  expect(had - (await lamportsOf(world, staker.publicKey))).toBe(5n * SOL + (await ledger.rent(184)));
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    { name: 'Staked', data: { ...name, amount: 5n * SOL, units: 5n * SOL } },
  ]);
});

test('P-30: a second amount is added, and what was earned before is kept apart', async () => {
  const world = await stakeWorld();
  const { validator, staker } = world;
  await sendStake(world, validator, staker, 7n);
  await reward(world, validator, { perUnit: 3n, lamports: 3n * (2n * SOL + 7n) });
  await sendStake(world, validator, staker, 5n);
  expect(await readStake(world, nameOf(validator, staker))).toMatchObject({
    units: 12n,
    rewardPerUnit: [0n, 3n],
    rewardLamports: 21n,
  });
});

test('P-31: who stakes after a reward has no part in it', async () => {
  const world = await stakeWorld();
  const { validator, staker } = world;
  await reward(world, validator, { perUnit: 3n, lamports: 6n * SOL });
  await sendStake(world, validator, staker, 5n);
  expect(await readStake(world, nameOf(validator, staker))).toMatchObject({
    rewardPerUnit: [0n, 3n],
    rewardLamports: 0n,
  });
});

test("P-30: an owner's lamports count as its own, behind a worker too", async () => {
  const world = await stakeWorld();
  const { worker } = world;
  await sendStake(world, worker, worker.owner, 3n);
  const account = await readParticipant(world, worker.address);
  expect(account).toMatchObject({ units: [SOL + 3n, 0n], ownUnits: SOL + 3n });
  expect([0n, 1n].map((epoch) => weightIn(account.weights, epoch))).toEqual([SOL, SOL + 3n]);
  // Workers have no part in the sum of the validators' weights.
  expect((await readConfig(world)).stake.points[0]).toEqual({ fromEpoch: 0n, weight: 8n * SOL });
});

test('P-29: after a slash the same amount is more units, which are worth no more than it', async () => {
  const world = await stakeWorld();
  const { validator, staker } = world;
  await slash(world, validator, WHOLE / 3n);
  await sendStake(world, validator, staker, 1_000n);
  // floor(1,000 x 2^60 / floor(2^60 / 3)), and 2 SOL at a third are below the minimum.
  expect(await readStake(world, nameOf(validator, staker))).toMatchObject({ units: 3_000n });
  expect((await readParticipant(world, validator.address)).weights.points[0]).toEqual({ fromEpoch: 1n, weight: 0n });
  expect((await readConfig(world)).stake.points[0]).toEqual({ fromEpoch: 1n, weight: 6n * SOL });
});

test('P-28: an owner that was slashed below the minimum counts again when it adds what is missing', async () => {
  const world = await stakeWorld();
  const { validator, operator } = world;
  await slash(world, validator, WHOLE / 2n);
  await sendStake(world, validator, operator, SOL - 1n);
  expect((await readParticipant(world, validator.address)).weights.points[0]).toEqual({ fromEpoch: 1n, weight: 0n });
  await sendStake(world, validator, operator, 1n);
  expect((await readParticipant(world, validator.address)).weights.points[0]?.weight).toBe(2n * SOL);
});

test('P-30: tokens stand behind a validator and weigh by their rate', async () => {
  const world = await tokenWorld();
  const { ledger, addresses, staker, validator, stakerTokens } = world;
  const held = await lamportsOf(world, validator.address);
  const { logs } = await ledger.send([tokenStake(world, 300_001n)], [staker]);

  const name = nameOf(validator, staker, ASSET.tokens);
  expect(await readStake(world, name)).toMatchObject({ ...name, units: 300_001n });
  expect(await tokensIn(ledger, addresses.tokenVault)).toBe(300_001n);
  expect(await tokensIn(ledger, stakerTokens)).toBe(699_999n);
  expect(await lamportsOf(world, validator.address)).toBe(held);
  const account = await readParticipant(world, validator.address);
  expect(account).toMatchObject({ units: [2n * SOL, 300_001n], ownUnits: 2n * SOL });
  // Half a lamport each, rounded down.
  expect(account.weights.points[0]).toEqual({ fromEpoch: 1n, weight: 2n * SOL + 150_000n });
  expect((await readConfig(world)).stake.points[0]).toEqual({ fromEpoch: 1n, weight: 8n * SOL + 150_000n });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    { name: 'Staked', data: { ...name, amount: 300_001n, units: 300_001n } },
  ]);
});

test('P-30: an owner cannot make its minimum out of tokens', async () => {
  const world = await tokenWorld();
  const { addresses, validator, operator, ledger } = world;
  const name = nameOf(validator, operator, ASSET.tokens);
  await slash(world, validator, WHOLE / 2n);
  const stakerTokens = namedKey('operator tokens').publicKey;
  await ledger.send([stake(addresses, { ...name, stakerTokens, amount: 8_000_000n })], [operator]);
  const account = await readParticipant(world, validator.address);
  expect(account.ownUnits).toBe(2n * SOL);
  expect(account.weights.points[0]?.weight).toBe(0n);
});

test('P-30: refuses nothing and more than there is', async () => {
  const world = await tokenWorld();
  const { staker } = world;
  const signers = [staker];
  const has = await lamportsOf(world, staker.publicKey);
  for (const amount of [0n, has + 1n, MAX]) {
    await refusedWhole(world, { instruction: lamportStake(world, amount), signers }, 'BadAmount');
  }
  for (const amount of [0n, 1_000_001n, MAX]) {
    await refusedWhole(world, { instruction: tokenStake(world, amount), signers }, 'BadAmount');
  }
});

test('P-30: refuses units beyond what three times can be counted', async () => {
  const world = await stakeWorld();
  const { validator, staker, ledger } = world;
  const rich = { address: staker.publicKey, lamports: 1n << 54n, data: new Uint8Array(), owner: new Uint8Array(32) };
  ledger.setAccount(rich);
  await slash(world, validator, WHOLE / 1_024n);
  const instruction = lamportStake(world, 1n << 53n);
  await refusedWhole(world, { instruction, signers: [staker] }, 'Overflow');
});

test("P-30: refuses strangers' stake behind a worker and a gateway", async () => {
  const world = await stakeWorld();
  for (const member of [world.worker, world.gateway]) {
    const instruction = lamportStake(world, SOL, member);
    await refusedWhole(world, { instruction, signers: [world.staker] }, 'BadOwner');
  }
});

test('P-30: refuses a participant of whose stake less than a 1,024th is left', async () => {
  const world = await stakeWorld();
  const instruction = lamportStake(world, SOL);
  await slash(world, world.validator, WHOLE / 1_024n - 1n);
  await refusedWhole(world, { instruction, signers: [world.staker] }, 'StakeTooSmall');
  await slash(world, world.validator, 0n);
  await refusedWhole(world, { instruction, signers: [world.staker] }, 'StakeTooSmall');
  await slash(world, world.validator, WHOLE / 1_024n);
  await world.ledger.send([instruction], [world.staker]);
});

test('P-30: refuses while an offence waits for its slash: who comes after it should not pay for it', async () => {
  const world = await stakeWorld();
  const { validator, staker, ledger } = world;
  const instruction = lamportStake(world, SOL);
  await bend(world, validator.address, { offset: OFFSET.participant.openCases, value: 1n, bytes: 2 });
  await refusedWhole(world, { instruction, signers: [staker] }, 'StakeHeld');
  await bend(world, validator.address, { offset: OFFSET.participant.openCases, value: 0n, bytes: 2 });
  await ledger.send([instruction], [staker]);
});

test('P-37: refuses while a vote holds new stake back', async () => {
  const world = await stakeWorld();
  const { addresses, staker, ledger } = world;
  const instruction = lamportStake(world, SOL);
  await bend(world, addresses.config, { offset: OFFSET.config.pausedUntilEpoch, value: 1n });
  await refusedWhole(world, { instruction, signers: [staker] }, 'Paused');
  await ledger.untilSlot(await firstSlot(world, 1n));
  await ledger.send([instruction], [staker]);
});

test("P-30: refuses no signature, another's stake, another asset's and swapped accounts", async () => {
  const world = await tokenWorld();
  const { addresses, staker, other, validator, ledger } = world;
  await sendStake(world, validator, other, 1n);
  const instruction = lamportStake(world, 1n);
  await refusedWhole(world, { instruction: unsigned(instruction, 0), signers: [] }, 'BadOwner');
  const swapped = async (position: number, address: Uint8Array, error: string) =>
    await refusedWhole(world, { instruction: withAccount(instruction, position, address), signers: [staker] }, error);
  const second = world.validators[1]?.address ?? validator.address;
  await swapped(1, addresses.vault, 'BadOwner');
  await swapped(2, addresses.config, 'BadOwner');
  await swapped(2, second, 'BadPda');
  await swapped(3, addresses.stake(nameOf(validator, other)), 'BadPda');
  await swapped(3, addresses.stake(nameOf(validator, staker, ASSET.tokens)), 'BadPda');
  await swapped(3, second, 'BadOwner');
  await swapped(3, world.stakerTokens, 'BadOwner');
  await ledger.send([instruction], [staker]);
  await swapped(2, second, 'BadPda');
  const strange = new Uint8Array(instruction.data);
  strange[8] = 2;
  await refusedWhole(
    world,
    { instruction: Object.assign(lamportStake(world, 1n), { data: Buffer.from(strange) }), signers: [staker] },
    'BadMint',
  );
});

test('P-30: refuses token accounts that are another mint’s, another owner’s, frozen, closed or forged', async () => {
  const world = await tokenWorld();
  const { ledger, operator, staker, stakerTokens, otherTokens, mint, addresses } = world;
  const refuse = async (account: Uint8Array) =>
    await refusedWhole(world, { instruction: tokenStake(world, 1n, account), signers: [staker] }, 'BadTokenAccount');
  const wrong = await makeMint(ledger, operator, { name: 'another mint' });
  const owner = staker.publicKey;
  const foreign = await makeTokenAccount(ledger, operator, { name: 'foreign tokens', mint: wrong, owner });
  await mintTo(ledger, operator, { mint: wrong, to: foreign, amount: 5n });
  await refuse(foreign);
  await refuse(otherTokens);
  await refuse(mint);
  await refuse(addresses.tokenVault);
  await refuse(staker.publicKey);
  await refuse(namedKey('nothing here').publicKey);
  const good = await must(ledger.account(stakerTokens));
  const bent = (change: Partial<typeof good> & { readonly owner: Uint8Array }) => {
    const address = namedKey('bent tokens').publicKey;
    ledger.setAccount({ ...good, address, ...change });
    return refuse(address);
  };
  await bent({ owner: PROGRAM_ID });
  for (const state of [0, 2]) {
    await bent({ owner: TOKEN_PROGRAM, data: good.data.map((byte, i) => (i === 108 ? state : byte)) });
  }
  await bent({ owner: TOKEN_PROGRAM, data: good.data.subarray(0, 164) });
});

test('P-30: refuses a vault that is not the program’s own and another token program', async () => {
  const world = await tokenWorld();
  const { ledger, operator, staker, mint, otherTokens } = world;
  // An account that belongs to itself, as the vault does, but whose key somebody holds.
  const thief = namedKey('thief');
  const trap = await makeTokenAccount(ledger, operator, { name: 'trap', mint, owner: thief.publicKey });
  await ledger.fund(thief.publicKey, SOL);
  await giveTokenAccount(ledger, thief, { account: trap, to: trap });
  const swapped = async (position: number, address: Uint8Array, error: string) =>
    await refusedWhole(
      world,
      { instruction: withAccount(tokenStake(world, 1n), position, address), signers: [staker] },
      error,
    );
  await swapped(6, trap, 'BadTokenAccount');
  await swapped(6, otherTokens, 'BadTokenAccount');
  await swapped(6, world.validator.address, 'BadTokenAccount');
  await swapped(7, PROGRAM_ID, 'BadPda');
  await ledger.send([tokenStake(world, 1n)], [staker]);
});
