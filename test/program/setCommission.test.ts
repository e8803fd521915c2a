import { eventsInLogs, PROGRAM_ID, setCommission } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { makeReport, sendCloseVote, settlement, toFinalised } from './epochSteps.ts';
import { refusedWhole, type StakeWorld, stakeWorld } from './stakeSteps.ts';
import { firstSlot, readParticipant } from './world.ts';

const commissionOf = (world: StakeWorld, bps: number) =>
  setCommission(world.addresses, {
    owner: world.operator.publicKey,
    participant: world.validator.address,
    bps,
  });

test('P-34: a raise holds once whoever does not like it can have left, a cut from the next epoch on', async () => {
  const world = await stakeWorld();
  const { ledger, validator, operator } = world;
  const before = await readParticipant(world, validator.address);
  await ledger.untilSlot(await firstSlot(world, 3n));
  const { logs } = await ledger.send([commissionOf(world, 10_000)], [operator]);
  const raised = { ...before, commissionBps: [0, 10_000], commissionFromEpoch: 7n };
  expect(await readParticipant(world, validator.address)).toEqual(raised);
  const data = { participant: validator.address, bps: 10_000, fromEpoch: 7n };
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'CommissionSet', data }]);

  const signers = [operator];
  await ledger.untilSlot((await firstSlot(world, 7n)) - 1n);
  await refusedWhole(world, { instruction: commissionOf(world, 0), signers }, 'TooEarly');
  await ledger.untilSlot(await firstSlot(world, 7n));
  await ledger.send([commissionOf(world, 9_999)], signers);
  const cut = { ...before, commissionBps: [10_000, 9_999], commissionFromEpoch: 8n };
  expect(await readParticipant(world, validator.address)).toEqual(cut);
  await refusedWhole(world, { instruction: commissionOf(world, 9_998), signers }, 'TooEarly');
});

test('P-34: before start a raise waits as in epoch 0', async () => {
  const world = await stakeWorld({ started: false });
  await world.ledger.send([commissionOf(world, 1)], [world.operator]);
  const raised = { commissionBps: [0, 1], commissionFromEpoch: 4n };
  expect(await readParticipant(world, world.validator.address)).toMatchObject(raised);
});

test('P-31: the commission is that of the epoch in which a vote is paid', async () => {
  const world = await stakeWorld({ parameters: { voteShareBps: 1_000n } });
  const { ledger, validator, operator } = world;
  await ledger.send([commissionOf(world, 2_500)], [operator]);
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, 80_000n)] });
  await toFinalised(world, built);
  const [, second] = world.validators;
  if (second === undefined) throw new Error('There is one validator.');
  await ledger.untilSlot(await firstSlot(world, 9n));
  await sendCloseVote(world, validator, 0n);
  await sendCloseVote(world, second, 0n);
  const paid = { commissionLamports: 500n, rewardLamports: 1_500n };
  expect(await readParticipant(world, validator.address)).toMatchObject(paid);
  const other = { commissionLamports: 0n, rewardLamports: 2_000n };
  expect(await readParticipant(world, second.address)).toMatchObject(other);
});

test("P-34: refuses more than all, other roles, no signature, another's and swapped accounts", async () => {
  const world = await stakeWorld();
  const { addresses, worker, gateway, validator, operator, staker } = world;
  for (const bps of [10_001, 65_535]) {
    await refusedWhole(world, { instruction: commissionOf(world, bps), signers: [operator] }, 'BadAmount');
  }
  for (const { address, owner } of [worker, gateway]) {
    const instruction = setCommission(addresses, { owner: owner.publicKey, participant: address, bps: 1 });
    await refusedWhole(world, { instruction, signers: [owner] }, 'WrongRole');
  }
  const instruction = commissionOf(world, 1);
  await refusedWhole(world, { instruction: unsigned(instruction, 0), signers: [] }, 'BadOwner');
  const swapped = async (position: number, address: Uint8Array, by = operator) =>
    await refusedWhole(world, { instruction: withAccount(instruction, position, address), signers: [by] }, 'BadOwner');
  await swapped(0, staker.publicKey, staker);
  await swapped(0, validator.identity.publicKey, validator.identity);
  await swapped(1, addresses.vault);
  await swapped(2, addresses.vault);
});
