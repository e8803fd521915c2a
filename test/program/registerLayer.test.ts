import { eventsInLogs, registerLayer } from '@karmesh/sdk/program';
import { bn254 } from '@noble/curves/bn254.js';
import { PublicKey, Transaction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { bytesOf } from '../../circuits/src/verify/points.ts';
import { unsigned, withAccount, withData } from './bent.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import {
  admit,
  layerOptions,
  type OperatorKey,
  type Registry,
  readLayer,
  registryOf,
  sendAttestKeys,
  sendLayer,
} from './proofSteps.ts';
import { refused } from './refused.ts';
import { outsideOfGroup, type TrapdoorKey, trapdoorKey } from './trapdoorKey.ts';
import { buildWorld, lamportsOf, type Member, startWorld, type World } from './world.ts';

const three = trapdoorKey('three signals', 3);
const two = trapdoorKey('two signals', 2);

async function startedWorld(): Promise<World> {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  return world;
}

const named = (key: TrapdoorKey, contextIndex = 0): OperatorKey => ({ ...key, contextIndex });

async function admittedWorld() {
  const world = await startedWorld();
  const registry = await admit(world, registryOf(world, [named(two), named(three, 2), named(two, 1)]));
  return { world, registry };
}

/** The registration of operator 1 with other options. */
function sendOther(world: World, registry: Registry, other: Partial<ReturnType<typeof layerOptions>>) {
  return world.ledger.send(
    [registerLayer(world.addresses, { ...layerOptions(world, registry, 1), ...other })],
    [world.operator],
  );
}

/** A key with other bytes from `at` on. */
function changed(at: number, bytes: Uint8Array): Uint8Array {
  const out = Uint8Array.from(three.verifyingKey);
  out.set(bytes, at);
  return out;
}

test('P-24: stores the key uncompressed, whoever sends it', async () => {
  const { world, registry } = await admittedWorld();
  const before = await lamportsOf(world, world.operator.publicKey);
  const { logs } = await sendLayer(world, registry, 1);
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([
    { name: 'LayerRegistered', data: { modelKeys: registry.address, operator: 1, keyId: three.keyId } },
  ]);
  expect(await readLayer(world, registry, 1)).toEqual({
    address: world.addresses.layer(registry.address, 1),
    modelKeys: registry.address,
    operator: 1,
    contextIndex: 2,
    signalCount: 3,
    bump: expect.any(Number),
    keyId: three.keyId,
    key: three.verifyingKey,
  });
  expect(before - (await lamportsOf(world, world.operator.publicKey))).toBe((await world.ledger.rent(1104)) + 5_000n);
  await refused(sendLayer(world, registry, 1), 'AlreadyInitialised');
});

test('P-24: one of 256 keys with eight signals fits a transaction', async () => {
  const world = await startedWorld();
  const eight = trapdoorKey('eight signals', 8);
  const registry = await admit(
    world,
    registryOf(
      world,
      Array.from({ length: 256 }, () => named(eight, 7)),
    ),
  );
  const { ledger, operator, addresses } = world;
  const transaction = new Transaction().add(registerLayer(addresses, layerOptions(world, registry, 255)));
  transaction.feePayer = new PublicKey(operator.publicKey);
  transaction.recentBlockhash = PublicKey.default.toBase58();
  const signature = 1 + 64;
  expect(signature + transaction.serializeMessage().length).toBe(1_092);
  const { computeUnits } = await sendLayer(world, registry, 255);
  // What a transaction may take that asks for no more.
  expect(computeUnits).toBeLessThan(200_000n);
  expect(await readLayer(world, registry, 255)).toMatchObject({ signalCount: 8, key: eight.verifyingKey });
  expect((await ledger.account(addresses.layer(registry.address, 255)))?.data.length).toBe(1104);
});

test('P-24: a key of each number of signals up to eight, with points of either sign', async () => {
  const world = await startedWorld();
  const keys = Array.from({ length: 8 }, (_, i) => trapdoorKey(`${i + 1} signals`, i + 1));
  const registry = await admit(
    world,
    registryOf(
      world,
      keys.map((key) => named(key)),
    ),
  );
  for (const [operator, { verifyingKey }] of keys.entries()) {
    await sendLayer(world, registry, operator);
    expect((await readLayer(world, registry, operator)).key).toEqual(verifyingKey);
  }
});

test('P-24: refuses before the keys are admitted', async () => {
  const world = await startedWorld();
  const registry = registryOf(world, [named(two), named(three, 2)]);
  await refused(sendLayer(world, registry, 1), 'BadOwner');
  for (const validator of world.validators.slice(0, 2)) await sendAttestKeys(world, validator, registry);
  await refused(sendLayer(world, registry, 1), 'NotAdmitted');
  await sendAttestKeys(world, world.validators[2] as Member, registry);
  await sendLayer(world, registry, 1);
});

test('P-24, T-02: refuses another operator, context or key, and paths of another length or under another root', async () => {
  const { world, registry } = await admittedWorld();
  const path = registry.tree.path(1);
  const faults = [
    { operator: 0 },
    { operator: 3, path: registry.tree.path(2) },
    { operator: 5 },
    { contextIndex: 1 },
    { verifyingKey: trapdoorKey('another', 3).verifyingKey },
    { path: path.slice(1) },
    { path: [...path, { hash: namedHash('above'), sums: [] }] },
    { path: registry.tree.path(0) },
  ];
  for (const fault of faults) await refused(sendOther(world, registry, fault), 'BadPath');

  const others = await admit(world, registryOf(world, [named(two), named(three, 1)]));
  await refused(sendOther(world, registry, { modelKeys: others.address }), 'BadPath');
});

test('Z-20: refuses keys that no registry admits, whoever attested them', async () => {
  const world = await startedWorld();
  const { verifyingKey } = three;
  const [beta, gamma, delta, inputs] = [64, 192, 320, 448];
  const zero = new Uint8Array(128);
  const bad = [
    ['gamma that is delta', changed(delta, verifyingKey.subarray(gamma, delta))],
    ['alpha that is zero', changed(0, zero.subarray(0, 64))],
    ['beta that is zero', changed(beta, zero)],
    ['gamma that is zero', changed(gamma, zero)],
    ['delta that is zero', changed(delta, zero)],
    ['the constant that is zero', changed(inputs, zero.subarray(0, 64))],
    ['a signal that is zero', changed(verifyingKey.length - 64, zero.subarray(0, 64))],
    ['alpha whose x has no y', changed(0, bytesOf([4n, 0n]))],
    ['alpha whose x is the order or more', changed(0, bytesOf([bn254.fields.Fp.ORDER + 1n, 2n]))],
    ['alpha with the mark of infinity', changed(0, bytesOf([(1n << 254n) + 1n, 0n]))],
    ['beta outside of its group', changed(beta, outsideOfGroup())],
    ['gamma outside of its group', changed(gamma, outsideOfGroup())],
    ['delta outside of its group', changed(delta, outsideOfGroup())],
    ['beta whose x has no y', changed(beta, bytesOf([1n, 1n, 0n, 0n]))],
    ['no signals', verifyingKey.subarray(0, inputs + 64)],
    ['nine signals', trapdoorKey('nine signals', 9).verifyingKey],
  ] as const;
  for (const [name, bytes] of bad) {
    const key = { keyId: namedHash(name), verifyingKey: bytes, contextIndex: 0 };
    const registry = await admit(world, registryOf(world, [named(two), key]));
    await refused(sendLayer(world, registry, 1), 'BadKey');
  }
  const noContext = await admit(world, registryOf(world, [named(two), named(three, 3)]));
  await refused(sendLayer(world, noContext, 1), 'BadKey');
});

test('P-24: refuses other accounts, no signature, and data that is cut or goes on', async () => {
  const { world, registry } = await admittedWorld();
  const { ledger, addresses, operator } = world;
  const instruction = registerLayer(addresses, layerOptions(world, registry, 1));
  const other = addresses.layer(registry.address, 2);
  await refused(ledger.send([withAccount(instruction, 3, other)], [operator]), 'BadPda');
  await refused(ledger.send([withAccount(instruction, 2, addresses.config)], [operator]), 'BadOwner');
  await refused(ledger.send([withAccount(instruction, 1, registry.address)], [operator]), 'BadOwner');
  const [a] = world.validators as [Member];
  await refused(
    ledger.send([unsigned(withAccount(instruction, 0, a.identity.publicKey), 0)], [operator]),
    'WrongIdentity',
  );
  const { data } = instruction;
  for (const bent of [data.subarray(0, -1), Buffer.concat([data, Buffer.alloc(1)]), data.subarray(0, 300)])
    await expect(ledger.send([withData(instruction, bent)], [operator])).rejects.toMatchObject({
      code: 'TRANSACTION_FAILED',
      facts: { lastLog: expect.stringMatching(/invalid instruction data/) },
    });
});
