import { closeStake, collectRewards, eventsInLogs, PROGRAM_ID, stake, unstake } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import {
  COOL_DOWN,
  nameOf,
  readStake,
  refusedWhole,
  reward,
  sendStake,
  sendUnstake,
  sendWithdraw,
  stakeWorld,
} from './stakeSteps.ts';
import { lamportsOf, readParticipant, SOL } from './world.ts';

test('P-30: pays the rent back once units, way out and rewards are empty, and a new stake begins anew', async () => {
  const world = await stakeWorld();
  const { ledger, addresses, validator, staker, operator } = world;
  await sendStake(world, validator, staker, 7n);
  const name = nameOf(validator, staker);
  const sent = { instruction: closeStake(addresses, name), signers: [staker] };
  await refusedWhole(world, sent, 'BadAmount');
  await reward(world, validator, { perUnit: 2n, lamports: 4n * SOL + 14n });
  await sendUnstake(world, validator, staker);
  await refusedWhole(world, sent, 'BadAmount');
  await ledger.untilSlot((await ledger.slot()) + COOL_DOWN - 1n);
  await sendWithdraw(world, validator, staker);
  await ledger.send([collectRewards(addresses, name)], [operator]);
  await refusedWhole(world, sent, 'BadAmount');
  await ledger.untilSlot((await ledger.slot()) + 1n);
  await sendWithdraw(world, validator, staker);

  const had = await lamportsOf(world, staker.publicKey);
  const before = await readParticipant(world, validator.address);
  const { logs } = await ledger.send([sent.instruction], [operator, staker]);
  expect(await ledger.account(addresses.stake(name))).toBeUndefined();
  expect((await lamportsOf(world, staker.publicKey)) - had).toBe(await ledger.rent(184));
  expect(await readParticipant(world, validator.address)).toEqual(before);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'StakeClosed', data: name }]);
  await refusedWhole(world, sent, 'BadOwner');
  await sendStake(world, validator, staker, 5n);
  expect(await readStake(world, name)).toMatchObject({ units: 5n, rewardPerUnit: [0n, 2n], rewardLamports: 0n });
});

test('P-30: rewards keep a stake open, and one transaction can end it and begin it', async () => {
  const world = await stakeWorld();
  const { ledger, addresses, validator, staker } = world;
  await sendStake(world, validator, staker, 7n);
  const name = nameOf(validator, staker);
  await reward(world, validator, { perUnit: 2n, lamports: 4n * SOL + 14n });
  await sendUnstake(world, validator, staker);
  await ledger.untilSlot((await ledger.slot()) + COOL_DOWN);
  await sendWithdraw(world, validator, staker);
  const end = closeStake(addresses, name);
  await refusedWhole(world, { instruction: end, signers: [staker] }, 'BadAmount');
  const had = await lamportsOf(world, validator.address);
  const again = [collectRewards(addresses, name), end, stake(addresses, { ...name, amount: 3n })];
  await ledger.send([...again, unstake(addresses, name)], [staker]);
  expect(await readStake(world, name)).toMatchObject({ units: 0n, unbondingUnits: 3n, rewardLamports: 0n });
  expect((await lamportsOf(world, validator.address)) - had).toBe(3n - 14n);
});

test("P-30: refuses no signature, another's, and what is no stake", async () => {
  const world = await stakeWorld();
  const { addresses, validator, staker, other } = world;
  await sendStake(world, validator, staker, 7n);
  const instruction = closeStake(addresses, nameOf(validator, staker));
  await refusedWhole(world, { instruction: unsigned(instruction, 0), signers: [] }, 'BadOwner');
  const by = { instruction: withAccount(instruction, 0, other.publicKey), signers: [other] };
  await refusedWhole(world, by, 'BadOwner');
  for (const address of [validator.address, addresses.config, other.publicKey]) {
    await refusedWhole(world, { instruction: withAccount(instruction, 1, address), signers: [staker] }, 'BadOwner');
  }
});
