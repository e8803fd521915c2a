import { ROLE, registerGateway } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned } from './bent.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, member, readConfig, readParticipant, SOL } from './world.ts';

test('P-05: makes the account, takes the bond and counts the gateway', async () => {
  const world = await buildWorld(await testLedger());
  const gateway = member(world.addresses, 'new gateway', world.operator);
  const keys = { owner: world.operator.publicKey, identity: gateway.identity.publicKey };
  await world.ledger.send(
    [registerGateway(world.addresses, { ...keys, bond: 3n * SOL })],
    [world.operator, gateway.identity],
  );
  const account = await readParticipant(world, gateway.address);
  expect([account.role, account.index, account.roleOrdinal, account.ownUnits]).toEqual([ROLE.gateway, 7, 1, 3n * SOL]);
  expect(await readConfig(world)).toMatchObject({ participantCount: 8, gatewayCount: 2, workerCount: 2 });
});

test('P-05: refuses a bond below the minimum and an identity that did not sign', async () => {
  const world = await buildWorld(await testLedger());
  const { identity } = member(world.addresses, 'new gateway', world.operator);
  const keys = { owner: world.operator.publicKey, identity: identity.publicKey };
  const small = registerGateway(world.addresses, { ...keys, bond: 3n * SOL - 1n });
  await refused(world.ledger.send([small], [world.operator, identity]), 'BondTooSmall');
  const instruction = unsigned(registerGateway(world.addresses, { ...keys, bond: 3n * SOL }), 1);
  await refused(world.ledger.send([instruction], [world.operator]), 'WrongIdentity');
});
