import { NONE, requestWithdrawal, withdrawEscrow } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned } from './bent.ts';
import { makeReport, settlement, toFinalised } from './epochSteps.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, readEscrow, SOL, startWorld, type World } from './world.ts';

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
