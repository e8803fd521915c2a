import { requestWithdrawal } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned } from './bent.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, firstSlot, readEscrow, SOL, startWorld, type World } from './world.ts';

function request(world: World, amount: bigint, buyer = world.buyer) {
  return requestWithdrawal(world.addresses, { buyer: buyer.publicKey, escrow: world.escrow, amount });
}

test('P-10: waits for the epoch after the current one, and a new request replaces the old', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, buyer, escrow } = world;
  await ledger.send([request(world, 10n * SOL)], [buyer]);
  expect(await readEscrow(world, escrow)).toMatchObject({ withdrawAmount: 10n * SOL, withdrawAfterEpoch: 0n });
  await startWorld(world);
  await ledger.untilSlot(await firstSlot(world, 3n));
  await ledger.send([request(world, SOL)], [buyer]);
  expect(await readEscrow(world, escrow)).toMatchObject({ withdrawAmount: SOL, withdrawAfterEpoch: 4n });
});

test('P-10: refuses nothing, more than the balance, and anybody but the buyer', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, buyer, operator } = world;
  await refused(ledger.send([request(world, 0n)], [buyer]), 'BadAmount');
  await refused(ledger.send([request(world, 10n * SOL + 1n)], [buyer]), 'BadAmount');
  await refused(ledger.send([request(world, 1n, operator)], [operator]), 'BadOwner');
  await refused(ledger.send([unsigned(request(world, 1n), 0)], [operator]), 'BadOwner');
});
