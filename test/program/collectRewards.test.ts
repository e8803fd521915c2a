import { ASSET, collectRewards, eventsInLogs, PROGRAM_ID, stake } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { makeReport, sendCloseVote, settlement, toFinalised } from './epochSteps.ts';
import { nameOf, readStake, refusedWhole, reward, sendStake, stakeWorld, tokenWorld } from './stakeSteps.ts';
import { firstSlot, lamportsOf, readEpoch, readParticipant, SOL } from './world.ts';

test('P-31: pays the staker what its units earned, whoever sends it, and nothing twice', async () => {
  const world = await stakeWorld();
  const { ledger, addresses, validator, staker, other } = world;
  await sendStake(world, validator, staker, 7n);
  await reward(world, validator, { perUnit: 2n, lamports: 4n * SOL + 14n });
  const held = await lamportsOf(world, validator.address);
  const had = await lamportsOf(world, staker.publicKey);
  const name = nameOf(validator, staker);
  const was = await readStake(world, name);
  const { logs } = await ledger.send([collectRewards(addresses, name)], [other]);

  expect(await readStake(world, name)).toEqual({ ...was, rewardPerUnit: [0n, 2n], rewardLamports: 0n });
  expect((await readParticipant(world, validator.address)).rewardLamports).toBe(4n * SOL);
  expect(held - (await lamportsOf(world, validator.address))).toBe(14n);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(14n);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'RewardsCollected', data: { ...name, paid: 14n } }]);
  await refusedWhole(world, { instruction: collectRewards(addresses, name), signers: [] }, 'NothingDue');
});

test('P-31: tokens earn by their rate, rounded down', async () => {
  const world = await tokenWorld();
  const { ledger, addresses, validator, staker, stakerTokens, operator } = world;
  const name = nameOf(validator, staker, ASSET.tokens);
  await ledger.send([stake(addresses, { ...name, stakerTokens, amount: 9n })], [staker]);
  await reward(world, validator, { perUnit: 3n, lamports: 6n * SOL + 12n });
  const had = await lamportsOf(world, staker.publicKey);
  await ledger.send([collectRewards(addresses, name)], [operator]);
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(12n);
});

test('P-31: the pay of a vote is shared by the units that count', async () => {
  const world = await stakeWorld({ parameters: { evidenceEpochs: 1n, voteShareBps: 1_000n } });
  const { ledger, addresses, validator, staker, operator } = world;
  await sendStake(world, validator, staker, 6n * SOL);
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, 80_000n)] });
  await toFinalised(world, built);
  await ledger.untilSlot(await firstSlot(world, 9n));
  await sendCloseVote(world, validator, 0n);
  // A tenth of 80,000 for four equal votes, of which six parts in eight are the staker's.
  expect((await readEpoch(world, 0n)).voteReward).toBe(8_000n);
  expect((await readParticipant(world, validator.address)).rewardLamports).toBe(2_000n);
  const had = await lamportsOf(world, staker.publicKey);
  await ledger.send([collectRewards(addresses, nameOf(validator, staker))], [operator]);
  // 1,500 but for what lies behind the 64 bits after the point.
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(1_499n);
});

test('P-31: refuses another staker, other accounts and a stake that earned nothing', async () => {
  const world = await stakeWorld();
  const { addresses, validator, staker, other, operator } = world;
  await sendStake(world, validator, staker, 7n);
  const instruction = collectRewards(addresses, nameOf(validator, staker));
  await refusedWhole(world, { instruction, signers: [] }, 'NothingDue');
  await reward(world, validator, { perUnit: 2n, lamports: 4n * SOL + 14n });
  const swapped = async (position: number, address: Uint8Array, error: string) =>
    await refusedWhole(world, { instruction: withAccount(instruction, position, address), signers: [] }, error);
  await swapped(0, other.publicKey, 'BadOwner');
  await swapped(1, addresses.vault, 'BadOwner');
  await swapped(2, world.worker.address, 'BadPda');
  await swapped(2, addresses.vault, 'BadOwner');
  await swapped(3, addresses.stake(nameOf(validator, operator)), 'BadOwner');
  await swapped(3, addresses.stake(nameOf(world.worker, world.worker.owner)), 'BadPda');
  await swapped(3, world.worker.address, 'BadOwner');
});
