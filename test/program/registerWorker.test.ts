import { ASSET, eventsInLogs, ROLE, registerWorker } from '@karmesh/sdk/program';
import { WHOLE } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount, withData } from './bent.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  ENGINE_CLASS,
  lamportsOf,
  MODEL,
  member,
  readConfig,
  readParticipant,
  readStake,
  SOL,
  startWorld,
  type World,
  weightsOf,
} from './world.ts';

function instruction(
  world: World,
  changed: { readonly bond?: bigint; readonly models?: readonly Uint8Array[]; readonly capacity?: number } = {},
) {
  const { identity } = member(world.addresses, 'new worker', world.operator);
  return registerWorker(world.addresses, {
    owner: world.operator.publicKey,
    identity: identity.publicKey,
    engineClass: ENGINE_CLASS,
    bond: changed.bond ?? SOL,
    capacity: changed.capacity ?? 1,
    models: changed.models ?? [MODEL, namedHash('second model')],
  });
}

test('P-03: makes the account, takes the bond and counts the worker', async () => {
  const world = await buildWorld(await testLedger());
  const worker = member(world.addresses, 'new worker', world.operator);
  const before = await readConfig(world);
  const { logs } = await world.ledger.send([instruction(world, { bond: SOL + 5n })], [world.operator, worker.identity]);

  expect(await readParticipant(world, worker.address)).toEqual({
    address: worker.address,
    role: ROLE.worker,
    bump: expect.any(Number),
    version: 1,
    index: 7,
    owner: world.operator.publicKey,
    identity: worker.identity.publicKey,
    previousIdentity: worker.identity.publicKey,
    identityFromEpoch: 0n,
    initialIdentity: worker.identity.publicKey,
    ownUnits: SOL + 5n,
    activeFromEpoch: 0n,
    roleOrdinal: 2,
    modelCount: 2,
    hasSecp256k1: 0,
    openCases: 0,
    karma: [0n, 0n, 0n, 0n, 0n],
    karmaSlot: 0n,
    lifetime: [0n, 0n, 0n, 0n, 0n],
    lifetimePaid: 0n,
    weightKarma: [0n, 0n],
    weightFromEpoch: 0n,
    engineClass: ENGINE_CLASS,
    models: [MODEL, namedHash('second model')],
    secp256k1Address: new Uint8Array(20),
    capacity: [1, 1],
    capacityFromEpoch: 0n,
    slashIndex: WHOLE,
    units: [SOL + 5n, 0n],
    unbondingUnits: [0n, 0n],
    rewardPerUnit: [0n, 0n],
    rewardLamports: 0n,
    commissionLamports: 0n,
    commissionBps: [0, 0],
    commissionFromEpoch: 0n,
    weights: weightsOf([0n, SOL + 5n]),
  });
  expect(await readStake(world, worker)).toEqual({
    address: world.addresses.stake({ participant: worker.address, staker: world.operator.publicKey, asset: 0 }),
    participant: worker.address,
    staker: world.operator.publicKey,
    asset: ASSET.lamports,
    bump: expect.any(Number),
    units: SOL + 5n,
    rewardPerUnit: [0n, 0n],
    rewardLamports: 0n,
    unbondingUnits: 0n,
    releasedUnits: 0n,
    unbondingFromSlot: 0n,
  });
  expect(await lamportsOf(world, worker.address)).toBe((await world.ledger.rent(832)) + SOL + 5n);
  expect(await readConfig(world)).toEqual({ ...before, participantCount: 8, workerCount: 3 });
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([
    { name: 'Registered', data: { participant: worker.address, role: 1, index: 7 } },
  ]);
});

test('P-03: a worker that registers in an epoch is active from the next one', async () => {
  const world = await buildWorld(await testLedger());
  const worker = member(world.addresses, 'new worker', world.operator);
  await startWorld(world);
  await world.ledger.send([instruction(world)], [world.operator, worker.identity]);
  expect((await readParticipant(world, worker.address)).activeFromEpoch).toBe(1n);
});

test('P-03: refuses a bond below the minimum', async () => {
  const world = await buildWorld(await testLedger());
  const { identity } = member(world.addresses, 'new worker', world.operator);
  await refused(
    world.ledger.send([instruction(world, { bond: SOL - 1n })], [world.operator, identity]),
    'BondTooSmall',
  );
  await refused(
    world.ledger.send([instruction(world, { bond: 3n * SOL - 1n, capacity: 3 })], [world.operator, identity]),
    'BondTooSmall',
  );
  await refused(world.ledger.send([instruction(world, { capacity: 0 })], [world.operator, identity]), 'BadAmount');
  await world.ledger.send([instruction(world, { bond: 3n * SOL, capacity: 3 })], [world.operator, identity]);
});

test('P-03: refuses no model, five models, a gap and an unused place that is not zero', async () => {
  const world = await buildWorld(await testLedger());
  const { identity } = member(world.addresses, 'new worker', world.operator);
  const full = instruction(world, { models: [0, 1, 2, 3].map((i) => namedHash(`model ${i}`)) });
  const withCount = (count: number): Uint8Array => full.data.map((byte, i) => (i === 40 ? count : byte));
  for (const count of [0, 3, 5, 255]) {
    await refused(world.ledger.send([withData(full, withCount(count))], [world.operator, identity]), 'BadModels');
  }
  const gap = instruction(world, { models: [MODEL, new Uint8Array(32), MODEL] });
  await refused(world.ledger.send([gap], [world.operator, identity]), 'BadModels');
  await world.ledger.send([full], [world.operator, identity]);
});

test('P-03: refuses a second registration of one identity', async () => {
  const world = await buildWorld(await testLedger());
  const { identity } = member(world.addresses, 'new worker', world.operator);
  await world.ledger.send([instruction(world)], [world.operator, identity]);
  await refused(world.ledger.send([instruction(world)], [world.operator, identity]), 'AlreadyInitialised');
});

test('P-03: refuses an identity or an owner that did not sign, a wrong address and a wrong Config', async () => {
  const world = await buildWorld(await testLedger());
  const { operator, addresses, ledger, buyer } = world;
  const { identity } = member(addresses, 'new worker', operator);
  await refused(ledger.send([unsigned(instruction(world), 1)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction(world), 0)], [buyer, identity]), 'WrongIdentity');
  const elsewhere = addresses.participant(namedHash('elsewhere'));
  await refused(ledger.send([withAccount(instruction(world), 3, elsewhere)], [operator, identity]), 'BadPda');
  await refused(ledger.send([withAccount(instruction(world), 2, addresses.vault)], [operator, identity]), 'BadOwner');
});
