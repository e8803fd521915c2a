import { NONE, requestWithdrawal, withdrawEscrow } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned } from './bent.ts';
import { makeReport, settlement, toFinalised } from './epochSteps.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, firstSlot, lamportsOf, readEscrow, SOL, startWorld, type World } from './world.ts';

const withdraw = (world: World, buyer = world.buyer) =>
  withdrawEscrow(world.addresses, { buyer: buyer.publicKey, escrow: world.escrow });

async function requested(amount: bigint): Promise<World> {
  const world = await buildWorld(await testLedger());
  const options = { buyer: world.buyer.publicKey, escrow: world.escrow, amount };
  await world.ledger.send([requestWithdrawal(world.addresses, options)], [world.buyer]);
  await startWorld(world);
  return world;
}

test('P-11: pays once the epoch is final, at most what is left, and clears the request', async () => {
  const world = await requested(10n * SOL);
  const { ledger, buyer, escrow, operator } = world;
  await refused(ledger.send([withdraw(world)], [operator, buyer]), 'WithdrawalLocked');
  await toFinalised(
    world,
    await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, 4n * SOL)] }),
  );

  const before = await lamportsOf(world, buyer.publicKey);
  await ledger.send([withdraw(world)], [operator, buyer]);
  expect((await lamportsOf(world, buyer.publicKey)) - before).toBe(6n * SOL);
  expect(await readEscrow(world, escrow)).toMatchObject({ balance: 0n, withdrawAmount: 0n, withdrawAfterEpoch: NONE });
  await refused(ledger.send([withdraw(world)], [operator, buyer]), 'NoWithdrawal');
});

test('P-11: a request for a later epoch stays locked when an earlier one is final', async () => {
  const world = await requested(SOL);
  const { ledger, buyer, escrow, operator, addresses } = world;
  await ledger.send([requestWithdrawal(addresses, { buyer: buyer.publicKey, escrow, amount: 2n })], [operator, buyer]);
  await toFinalised(world, await makeReport(world, { epoch: 0n, earned: new Map() }));
  await refused(ledger.send([withdraw(world)], [operator, buyer]), 'WithdrawalLocked');
});

test('P-11: refuses without a request, and anybody but the buyer', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, buyer, operator } = world;
  await refused(ledger.send([withdraw(world)], [buyer]), 'NoWithdrawal');
  await refused(ledger.send([withdraw(world, operator)], [operator]), 'BadOwner');
  await refused(ledger.send([unsigned(withdraw(world), 0)], [operator]), 'BadOwner');
});

test('P-11: a cluster that finalises nothing for 64 epochs keeps nobody’s money', async () => {
  const world = await requested(SOL);
  const { ledger, buyer, escrow, operator, addresses } = world;
  const send = () => ledger.send([withdraw(world)], [operator, buyer]);
  await ledger.untilSlot(await firstSlot(world, 3n));
  await ledger.send([requestWithdrawal(addresses, { buyer: buyer.publicKey, escrow, amount: SOL })], [operator, buyer]);
  // Of an earlier epoch: it frees nothing, and the 64 count from epoch 4.
  await toFinalised(world, await makeReport(world, { epoch: 2n, earned: new Map() }));
  await ledger.untilSlot((await firstSlot(world, 68n)) - 1n);
  await refused(send(), 'WithdrawalLocked');
  await ledger.untilSlot(await firstSlot(world, 68n));
  const before = await lamportsOf(world, buyer.publicKey);
  await send();
  expect((await lamportsOf(world, buyer.publicKey)) - before).toBe(SOL);
  await refused(send(), 'NoWithdrawal');
  await refused(ledger.send([withdraw(world, operator)], [operator]), 'BadOwner');
});

test('P-11: before the cluster starts nothing can be debited, so that it pays at once', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, buyer, escrow, addresses, operator } = world;
  await ledger.send([requestWithdrawal(addresses, { buyer: buyer.publicKey, escrow, amount: SOL })], [buyer]);
  await ledger.send([withdraw(world)], [operator, buyer]);
  expect(await readEscrow(world, escrow)).toMatchObject({ balance: 9n * SOL, withdrawAfterEpoch: NONE });
});
