import { start } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, readConfig } from './world.ts';

test('P-02: begins epoch 0 in the next slot', async () => {
  const world = await buildWorld(await testLedger());
  const slot = await world.ledger.slot();
  await world.ledger.send([start(world.addresses, { initialiser: world.operator.publicKey })], [world.operator]);
  const config = await readConfig(world);
  expect([config.started, config.epochZeroSlot]).toEqual([1, slot + 1n]);
});

test('P-02: refuses a second time', async () => {
  const world = await buildWorld(await testLedger());
  const instruction = start(world.addresses, { initialiser: world.operator.publicKey });
  await world.ledger.send([instruction], [world.operator]);
  await refused(world.ledger.send([instruction], [world.operator]), 'AlreadyStarted');
});

test('P-02: refuses another signer, and the initialiser without its signature', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, operator, buyer } = world;
  await refused(ledger.send([start(addresses, { initialiser: buyer.publicKey })], [buyer]), 'NotInitialiser');
  const instruction = unsigned(start(addresses, { initialiser: operator.publicKey }), 0);
  await refused(ledger.send([instruction], [buyer]), 'NotInitialiser');
});

test('P-02: refuses an account that is not Config', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, operator } = world;
  const instruction = start(addresses, { initialiser: operator.publicKey });
  await refused(ledger.send([withAccount(instruction, 1, addresses.vault)], [operator]), 'BadOwner');
  await refused(ledger.send([withAccount(instruction, 1, world.buyer.publicKey)], [operator]), 'BadOwner');
});
