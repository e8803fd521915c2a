import { commitChain, rotateIdentity } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned } from './bent.ts';
import { namedHash, namedKey } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, firstSlot, readParticipant, startWorld, type World } from './world.ts';

function instruction(world: World, name: string) {
  const newIdentity = namedKey(name);
  const { owner, address } = world.gateway;
  return {
    newIdentity,
    instruction: rotateIdentity(world.addresses, {
      owner: owner.publicKey,
      newIdentity: newIdentity.publicKey,
      participant: address,
    }),
  };
}

test('P-06: the new identity holds from the next epoch, and a second rotation waits until no stake answers for the first', async () => {
  const world = await buildWorld(await testLedger(), { parameters: { coolDownEpochs: 2n } });
  await startWorld(world);
  const { ledger, operator, gateway } = world;
  const first = instruction(world, 'identity 1');
  await ledger.send([first.instruction], [operator, first.newIdentity]);
  expect(await readParticipant(world, gateway.address)).toMatchObject({
    identity: first.newIdentity.publicKey,
    previousIdentity: gateway.identity.publicKey,
    identityFromEpoch: 1n,
    initialIdentity: gateway.identity.publicKey,
  });

  const second = instruction(world, 'identity 2');
  for (const epoch of [0n, 1n, 2n]) {
    await ledger.untilSlot(await firstSlot(world, epoch));
    await refused(ledger.send([second.instruction], [operator, second.newIdentity]), 'IdentityPending');
  }
  await ledger.untilSlot(await firstSlot(world, 3n));
  await ledger.send([second.instruction], [operator, second.newIdentity]);
  const { identityFromEpoch, ...keys } = await readParticipant(world, gateway.address);
  expect(keys).toMatchObject({
    identity: second.newIdentity.publicKey,
    previousIdentity: first.newIdentity.publicKey,
  });
  expect(identityFromEpoch).toBeGreaterThanOrEqual(4n);
});

test('P-06: before start it takes effect at epoch 0, and transactions take the newest identity alone', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, operator, gateway, addresses } = world;
  const { instruction: rotate, newIdentity } = instruction(world, 'identity 1');
  await ledger.send([rotate], [operator, newIdentity]);
  expect((await readParticipant(world, gateway.address)).identityFromEpoch).toBe(0n);
  // Nobody signed anything yet.
  const again = instruction(world, 'identity 2');
  await ledger.send([again.instruction], [operator, again.newIdentity]);
  await ledger.send([rotate], [operator, newIdentity]);

  const chain = (identity: Uint8Array) =>
    commitChain(addresses, {
      identity,
      gateway: gateway.address,
      epoch: 3n,
      commitment: namedHash('chain 3'),
      length: 5,
    });
  await refused(ledger.send([chain(gateway.identity.publicKey)], [gateway.identity]), 'WrongIdentity');
  await ledger.fund(newIdentity.publicKey, 1_000_000_000n);
  await ledger.send([chain(newIdentity.publicKey)], [newIdentity]);
});

test('P-06: refuses another owner, an owner that did not sign and an identity that did not sign', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, operator, buyer, addresses, gateway } = world;
  const { instruction: rotate, newIdentity } = instruction(world, 'identity 1');
  const stolen = rotateIdentity(addresses, {
    owner: buyer.publicKey,
    newIdentity: newIdentity.publicKey,
    participant: gateway.address,
  });
  await refused(ledger.send([stolen], [buyer, newIdentity]), 'BadOwner');
  await refused(ledger.send([unsigned(rotate, 0)], [buyer, newIdentity]), 'BadOwner');
  await refused(ledger.send([unsigned(rotate, 1)], [operator]), 'WrongIdentity');
});
