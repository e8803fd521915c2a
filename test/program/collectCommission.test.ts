import { collectCommission, eventsInLogs, PROGRAM_ID } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { bend, OFFSET, refusedWhole, type StakeWorld, stakeWorld } from './stakeSteps.ts';
import { lamportsOf, readParticipant } from './world.ts';

const earn = (world: StakeWorld, lamports: bigint) =>
  bend(world, world.validator.address, {
    offset: OFFSET.participant.commissionLamports,
    value: lamports,
    lamports,
  });

test('P-31: pays the owner its commission, whoever sends it, and nothing twice', async () => {
  const world = await stakeWorld();
  const { ledger, addresses, validator, operator, staker } = world;
  await earn(world, 55n);
  const before = await readParticipant(world, validator.address);
  const held = await lamportsOf(world, validator.address);
  const had = await lamportsOf(world, operator.publicKey);
  const name = { owner: operator.publicKey, participant: validator.address };
  const instruction = collectCommission(addresses, name);
  const { logs } = await ledger.send([instruction], [staker]);
  expect(await readParticipant(world, validator.address)).toEqual({ ...before, commissionLamports: 0n });
  expect((await lamportsOf(world, operator.publicKey)) - had).toBe(55n);
  expect(held - (await lamportsOf(world, validator.address))).toBe(55n);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'CommissionCollected', data: { ...name, paid: 55n } }]);
  await refusedWhole(world, { instruction, signers: [] }, 'NothingDue');
});

test('P-31: refuses another owner, other accounts and an owner who earned nothing', async () => {
  const world = await stakeWorld();
  const { addresses, validator, operator, staker } = world;
  const instruction = collectCommission(addresses, { owner: operator.publicKey, participant: validator.address });
  await refusedWhole(world, { instruction, signers: [] }, 'NothingDue');
  await earn(world, 55n);
  const swapped = async (position: number, address: Uint8Array) =>
    await refusedWhole(world, { instruction: withAccount(instruction, position, address), signers: [] }, 'BadOwner');
  await swapped(0, staker.publicKey);
  await swapped(1, world.worker.address);
  await swapped(1, addresses.vault);
  await swapped(1, staker.publicKey);
});
