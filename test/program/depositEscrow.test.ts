import { depositEscrow } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned } from './bent.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, readEscrow, SOL } from './world.ts';

test('P-09: anyone may pay in', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, escrow, operator } = world;
  await ledger.send([depositEscrow(addresses, { payer: operator.publicKey, escrow, amount: 3n })], [operator]);
  expect((await readEscrow(world, escrow)).balance).toBe(10n * SOL + 3n);
});

test('P-09: refuses nothing, an account that is no escrow and a payer that did not sign', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, escrow, operator, buyer } = world;
  const deposit = (to: Uint8Array, amount: bigint) =>
    depositEscrow(addresses, { payer: operator.publicKey, escrow: to, amount });
  await refused(ledger.send([deposit(escrow, 0n)], [operator]), 'BadAmount');
  await refused(ledger.send([deposit(addresses.vault, 1n)], [operator]), 'BadOwner');
  await refused(ledger.send([deposit(buyer.publicKey, 1n)], [operator]), 'BadOwner');
  await refused(ledger.send([unsigned(deposit(escrow, 1n), 0)], [buyer]), 'WrongIdentity');
});
