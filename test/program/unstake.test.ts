import { ASSET, eventsInLogs, PROGRAM_ID, stake, unstake, withdrawStake } from '@karmesh/sdk/program';
import { WHOLE, weightIn } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import {
  bend,
  COOL_DOWN,
  nameOf,
  OFFSET,
  readStake,
  refusedWhole,
  reward,
  sendStake,
  sendUnstake,
  sendWithdraw,
  slash,
  stakeWorld,
  tokenWorld,
} from './stakeSteps.ts';
import { lamportsOf, readConfig, readParticipant, SOL } from './world.ts';

async function stakedWorld() {
  const world = await stakeWorld();
  await sendStake(world, world.validator, world.staker, 5n * SOL);
  return world;
}

test('P-30: takes units out of what counts, from the next epoch on, and sends them on their way', async () => {
  const world = await stakedWorld();
  const { ledger, validator, staker, operator } = world;
  const name = nameOf(validator, staker);
  const [before, was, config] = [
    await readParticipant(world, validator.address),
    await readStake(world, name),
    await readConfig(world),
  ];
  const lamports = [await lamportsOf(world, validator.address), await lamportsOf(world, staker.publicKey)];
  const slot = await ledger.slot();
  const { logs } = await ledger.send([unstake(world.addresses, { ...name, units: 2n * SOL })], [operator, staker]);

  const left = { units: 3n * SOL, unbondingUnits: 2n * SOL, unbondingFromSlot: slot };
  expect(await readStake(world, name)).toEqual({ ...was, ...left });
  const after = await readParticipant(world, validator.address);
  const { weights } = after;
  expect(after).toEqual({ ...before, units: [5n * SOL, 0n], unbondingUnits: [2n * SOL, 0n], weights });
  expect([0n, 1n].map((epoch) => weightIn(weights, epoch))).toEqual([2n * SOL, 5n * SOL]);
  const { stake: total } = await readConfig(world);
  expect(await readConfig(world)).toEqual({ ...config, stake: total });
  expect([0n, 1n].map((epoch) => weightIn(total, epoch))).toEqual([8n * SOL, 11n * SOL]);
  expect([await lamportsOf(world, validator.address), await lamportsOf(world, staker.publicKey)]).toEqual(lamports);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'Unstaked', data: { ...name, units: 2n * SOL, slot } }]);
});

test('P-30: 2^64-1 means all, and what is on its way earns nothing more', async () => {
  const world = await stakedWorld();
  const { validator, staker } = world;
  await reward(world, validator, { perUnit: 1n, lamports: 7n * SOL });
  await sendUnstake(world, validator, staker);
  await reward(world, validator, { perUnit: 3n, lamports: 11n * SOL });
  const name = nameOf(validator, staker);
  expect(await readStake(world, name)).toMatchObject({ units: 0n, unbondingUnits: 5n * SOL, rewardLamports: 5n * SOL });
  await sendStake(world, validator, staker, 1n);
  expect(await readStake(world, name)).toMatchObject({ rewardLamports: 5n * SOL, rewardPerUnit: [0n, 3n] });
});

test('P-30: a second request starts again what the first has not paid', async () => {
  const world = await stakedWorld();
  const { ledger, validator, staker } = world;
  const name = nameOf(validator, staker);
  const from = await ledger.slot();
  await sendUnstake(world, validator, staker, 1_920n);
  // Half of the linear part: 64 slots of nothing, then 192 to all.
  await ledger.untilSlot(from + 160n);
  await sendWithdraw(world, validator, staker);
  expect(await readStake(world, name)).toMatchObject({ unbondingUnits: 1_920n, releasedUnits: 960n });
  await ledger.untilSlot(from + 200n);
  await sendUnstake(world, validator, staker, 40n);
  const again = { unbondingUnits: 1_000n, releasedUnits: 0n, unbondingFromSlot: from + 200n };
  expect(await readStake(world, name)).toMatchObject(again);
  expect((await readParticipant(world, validator.address)).unbondingUnits).toEqual([1_000n, 0n]);
  await ledger.untilSlot(from + COOL_DOWN);
  // Of the new way 56 slots have passed, all of them among the first 64.
  const instruction = withdrawStake(world.addresses, name);
  await refusedWhole(world, { instruction, signers: [staker] }, 'NothingDue');
});

test('P-30: an owner leaves the minimum of its role behind, or nothing, and then nothing of others counts', async () => {
  const world = await stakedWorld();
  const { addresses, validator, operator } = world;
  await sendStake(world, validator, operator, 10n);
  const name = nameOf(validator, operator);
  const part = (units: bigint) => ({ instruction: unstake(addresses, { ...name, units }), signers: [operator] });
  await refusedWhole(world, part(11n), 'BondTooSmall');
  await refusedWhole(world, part(2n * SOL + 9n), 'BondTooSmall');
  await sendUnstake(world, validator, operator, 10n);
  expect(await readParticipant(world, validator.address)).toMatchObject({ ownUnits: 2n * SOL });
  await sendUnstake(world, validator, operator);
  const account = await readParticipant(world, validator.address);
  expect(account).toMatchObject({ ownUnits: 0n, units: [5n * SOL, 0n], unbondingUnits: [2n * SOL + 10n, 0n] });
  expect(account.weights.points[0]).toEqual({ fromEpoch: 1n, weight: 0n });
  expect((await readConfig(world)).stake.points[0]).toEqual({ fromEpoch: 1n, weight: 6n * SOL });
  await sendStake(world, validator, operator, 2n * SOL);
  expect((await readParticipant(world, validator.address)).weights.points[0]?.weight).toBe(7n * SOL);
});

test('P-30: the minimum of a worker is that of its capacity, and is held against what slashes left', async () => {
  const world = await stakeWorld();
  const { addresses, worker } = world;
  await sendStake(world, worker, worker.owner, SOL);
  await slash(world, worker, WHOLE / 2n);
  const part = (units: bigint) => unstake(addresses, { ...nameOf(worker, worker.owner), units });
  await refusedWhole(world, { instruction: part(1n), signers: [worker.owner] }, 'BondTooSmall');
  await sendUnstake(world, worker, worker.owner, 2n * SOL);
  expect((await readParticipant(world, worker.address)).weights.points[0]?.weight).toBe(0n);
});

test('P-30: tokens leave like lamports, and an owner’s do not count as its bond', async () => {
  const world = await tokenWorld();
  const { ledger, addresses, validator, staker, stakerTokens } = world;
  const name = nameOf(validator, staker, ASSET.tokens);
  await ledger.send([stake(addresses, { ...name, stakerTokens, amount: 1_000n })], [staker]);
  await ledger.send([unstake(addresses, { ...name, units: 999n })], [staker]);
  expect(await readParticipant(world, validator.address)).toMatchObject({
    units: [2n * SOL, 1n],
    unbondingUnits: [0n, 999n],
    ownUnits: 2n * SOL,
  });
  expect((await readConfig(world)).stake.points[0]?.weight).toBe(8n * SOL);
});

test('P-30: goes on while offences wait and while new stake is held back', async () => {
  const world = await stakedWorld();
  const { addresses, validator, staker } = world;
  await bend(world, validator.address, { offset: OFFSET.participant.openCases, value: 1n, bytes: 2 });
  await bend(world, addresses.config, { offset: OFFSET.config.pausedUntilEpoch, value: 9n });
  await sendUnstake(world, validator, staker);
  expect((await readStake(world, nameOf(validator, staker))).unbondingUnits).toBe(5n * SOL);
});

test("P-30: refuses no units, more than there are, another's signature and swapped accounts", async () => {
  const world = await stakedWorld();
  const { addresses, validator, staker, other } = world;
  const name = nameOf(validator, staker);
  const of = (units: bigint) => unstake(addresses, { ...name, units });
  const signers = [staker];
  await refusedWhole(world, { instruction: of(0n), signers }, 'BadAmount');
  await refusedWhole(world, { instruction: of(5n * SOL + 1n), signers }, 'StakeTooSmall');
  await refusedWhole(world, { instruction: of((1n << 64n) - 2n), signers }, 'StakeTooSmall');
  await refusedWhole(world, { instruction: unsigned(of(1n), 0), signers: [] }, 'BadOwner');
  const swapped = async (position: number, address: Uint8Array, error: string, by = [staker]) =>
    await refusedWhole(world, { instruction: withAccount(of(1n), position, address), signers: by }, error);
  await swapped(0, other.publicKey, 'BadOwner', [other]);
  await swapped(0, world.operator.publicKey, 'BadOwner', [world.operator]);
  await swapped(1, addresses.vault, 'BadOwner');
  await swapped(2, world.worker.address, 'BadPda');
  await swapped(2, addresses.vault, 'BadOwner');
  await swapped(3, addresses.stake(nameOf(validator, world.operator)), 'BadOwner');
  await swapped(3, addresses.stake(nameOf(world.worker, world.worker.owner)), 'BadPda');
  await swapped(3, world.worker.address, 'BadOwner');
  await sendUnstake(world, validator, staker);
  await refusedWhole(world, { instruction: unstake(addresses, name), signers }, 'BadAmount');
  await refusedWhole(world, { instruction: of(1n), signers }, 'StakeTooSmall');
});
