import { commitChain } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, firstSlot, type Member, readChain, startWorld, type World } from './world.ts';

function instruction(
  world: World,
  changed: { readonly epoch?: bigint; readonly length?: number; readonly of?: Member } = {},
) {
  const of = changed.of ?? world.gateway;
  return commitChain(world.addresses, {
    identity: of.identity.publicKey,
    gateway: of.address,
    epoch: changed.epoch ?? 5n,
    commitment: namedHash('chain'),
    length: changed.length ?? 65_536,
  });
}

test('P-07: stores the commitment', async () => {
  const world = await buildWorld(await testLedger());
  const slot = await world.ledger.slot();
  await world.ledger.send([instruction(world)], [world.gateway.identity]);
  expect(await readChain(world, world.gateway.address, 5n)).toEqual({
    address: world.addresses.chain(world.gateway.address, 5n),
    gateway: world.gateway.address,
    epoch: 5n,
    commitment: namedHash('chain'),
    length: 65_536,
    bump: expect.any(Number),
    committedSlot: expect.any(BigInt),
  });
  const { committedSlot } = await readChain(world, world.gateway.address, 5n);
  expect(committedSlot).toBeGreaterThanOrEqual(slot);
  expect(committedSlot).toBeLessThanOrEqual(await world.ledger.slot());
});

test('P-07: takes an epoch until the slot before it begins, and not after', async () => {
  // A cluster's slots go by while one sends.
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const { ledger, gateway } = world;
  await refused(ledger.send([instruction(world, { epoch: 0n })], [gateway.identity]), 'EpochBegun');
  await ledger.untilSlot((await firstSlot(world, 1n)) - 1n);
  await ledger.send([instruction(world, { epoch: 1n })], [gateway.identity]);
  await ledger.untilSlot(await firstSlot(world, 2n));
  await refused(ledger.send([instruction(world, { epoch: 2n })], [gateway.identity]), 'EpochBegun');
});

test('P-07: an epoch so late that its slot leaves 64 bits is refused', async () => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const late = instruction(world, { epoch: 2n ** 63n });
  await refused(world.ledger.send([late], [world.gateway.identity]), 'Overflow');
});

test('P-07: refuses a second chain for one epoch, no link, and too many', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, gateway } = world;
  await ledger.send([instruction(world)], [gateway.identity]);
  await refused(ledger.send([instruction(world)], [gateway.identity]), 'AlreadyInitialised');
  await refused(ledger.send([instruction(world, { epoch: 6n, length: 0 })], [gateway.identity]), 'BadLength');
  await refused(ledger.send([instruction(world, { epoch: 6n, length: 65_537 })], [gateway.identity]), 'BadLength');
});

test("P-07: refuses another role, another's identity, no signature, a wrong address and a foreign account", async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, gateway, workers, operator, addresses } = world;
  const worker = workers[0] ?? gateway;
  await refused(ledger.send([instruction(world, { of: worker })], [operator, worker.identity]), 'WrongRole');
  const stolen = withAccount(instruction(world), 0, operator.publicKey);
  await refused(ledger.send([stolen], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction(world), 0)], [operator]), 'WrongIdentity');
  const elsewhere = withAccount(instruction(world), 3, addresses.chain(gateway.address, 9n));
  await refused(ledger.send([elsewhere], [gateway.identity]), 'BadPda');
  const foreign = withAccount(instruction(world), 2, operator.publicKey);
  await refused(ledger.send([foreign], [gateway.identity]), 'BadOwner');
});
