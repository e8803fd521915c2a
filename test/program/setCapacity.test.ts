import { eventsInLogs, PROGRAM_ID, setCapacity } from '@karmesh/sdk/program';
import { WHOLE } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { refusedWhole, type StakeWorld, sendStake, sendUnstake, slash, stakeWorld } from './stakeSteps.ts';
import { firstSlot, readConfig, readParticipant, SOL } from './world.ts';

const capacityOf = (world: StakeWorld, capacity: number) =>
  setCapacity(world.addresses, {
    owner: world.worker.owner.publicKey,
    participant: world.worker.address,
    capacity,
  });

test('P-33: a capacity that the owner’s stake covers holds from the next epoch on', async () => {
  const world = await stakeWorld();
  const { ledger, worker } = world;
  await sendStake(world, worker, worker.owner, 2n * SOL);
  const [before, config] = [await readParticipant(world, worker.address), await readConfig(world)];
  const { logs } = await ledger.send([capacityOf(world, 3)], [worker.owner]);
  const changed = { ...before, capacity: [1, 3], capacityFromEpoch: 1n };
  expect(await readParticipant(world, worker.address)).toEqual(changed);
  expect(await readConfig(world)).toEqual(config);
  const data = { participant: worker.address, capacity: 3, fromEpoch: 1n };
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'CapacitySet', data }]);
  // A second change in the epoch replaces the first; one of a later epoch comes after it.
  await ledger.send([capacityOf(world, 2)], [worker.owner]);
  expect(await readParticipant(world, worker.address)).toMatchObject({ capacity: [1, 2], capacityFromEpoch: 1n });
  await ledger.untilSlot(await firstSlot(world, 1n));
  await ledger.send([capacityOf(world, 1)], [worker.owner]);
  expect(await readParticipant(world, worker.address)).toMatchObject({ capacity: [2, 1], capacityFromEpoch: 2n });
});

test('P-33: before start it holds from epoch 0 on', async () => {
  const world = await stakeWorld({ started: false });
  const { ledger, worker } = world;
  await sendStake(world, worker, worker.owner, SOL);
  await ledger.send([capacityOf(world, 2)], [worker.owner]);
  expect(await readParticipant(world, worker.address)).toMatchObject({ capacity: [1, 2], capacityFromEpoch: 0n });
});

test('P-33: a smaller capacity brings a slashed worker’s weight back, and lets stake leave', async () => {
  const world = await stakeWorld();
  const { ledger, worker } = world;
  await sendStake(world, worker, worker.owner, 3n * SOL);
  await ledger.send([capacityOf(world, 4)], [worker.owner]);
  await slash(world, worker, WHOLE / 2n);
  await sendStake(world, worker, worker.owner, 1n);
  expect((await readParticipant(world, worker.address)).weights.points[0]?.weight).toBe(0n);
  await ledger.send([capacityOf(world, 2)], [worker.owner]);
  expect((await readParticipant(world, worker.address)).weights.points[0]?.weight).toBe(2n * SOL + 1n);
  await ledger.send([capacityOf(world, 1)], [worker.owner]);
  await sendUnstake(world, worker, worker.owner, 2n * SOL);
});

test('P-33: refuses none, and more than the owner’s stake covers', async () => {
  const world = await stakeWorld();
  const { worker } = world;
  const signers = [worker.owner];
  await refusedWhole(world, { instruction: capacityOf(world, 0), signers }, 'BadAmount');
  await refusedWhole(world, { instruction: capacityOf(world, 2), signers }, 'BondTooSmall');
  await refusedWhole(world, { instruction: capacityOf(world, 65_535), signers }, 'BondTooSmall');
  await slash(world, worker, WHOLE - 1n);
  await refusedWhole(world, { instruction: capacityOf(world, 1), signers }, 'BondTooSmall');
});

test("P-33: refuses other roles, no signature, another's and swapped accounts", async () => {
  const world = await stakeWorld();
  const { addresses, worker, validator, gateway, operator, staker } = world;
  for (const { address } of [validator, gateway]) {
    const instruction = setCapacity(addresses, { owner: operator.publicKey, participant: address, capacity: 1 });
    await refusedWhole(world, { instruction, signers: [operator] }, 'WrongRole');
  }
  const instruction = capacityOf(world, 1);
  await refusedWhole(world, { instruction: unsigned(instruction, 0), signers: [] }, 'BadOwner');
  const swapped = async (position: number, address: Uint8Array, error: string, by = worker.owner) =>
    await refusedWhole(world, { instruction: withAccount(instruction, position, address), signers: [by] }, error);
  await swapped(0, staker.publicKey, 'BadOwner', staker);
  await swapped(0, worker.identity.publicKey, 'BadOwner', worker.identity);
  await swapped(1, addresses.vault, 'BadOwner');
  await swapped(2, world.workers[1]?.address ?? worker.address, 'BadOwner');
  await swapped(2, addresses.vault, 'BadOwner');
});
