import { ROLE, registerValidator, type Secp256k1Proof } from '@karmesh/sdk/program';
import { concatBytes, hash, KIND } from '@karmesh/sdk/protocol';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { expect, test } from 'vitest';
import { unsigned, withData } from './bent.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  member,
  readConfig,
  readParticipant,
  SOL,
  startWorld,
  type World,
} from './world.ts';

const secret = namedHash('secp256k1 secret');

/** P-04: what an Ethereum wallet signs for this participant. */
function proofFor(world: World, participant: Uint8Array): Secp256k1Proof {
  const message = hash(world.domain, new Uint8Array([KIND.secp256k1]), participant);
  const prefix = new TextEncoder().encode('\x19Ethereum Signed Message:\n32');
  const digest = keccak_256(concatBytes(prefix, message));
  const signed = secp256k1.sign(digest, secret, { prehash: false, format: 'recovered' });
  const key = secp256k1.getPublicKey(secret, false).slice(1);
  return { address: keccak_256(key).slice(12), signature: signed.slice(1), recoveryId: signed[0] ?? 0 };
}

function setUp(world: World) {
  const validator = member(world.addresses, 'new validator', world.operator);
  const keys = { owner: world.operator.publicKey, identity: validator.identity.publicKey };
  return { validator, keys, signers: [world.operator, validator.identity] };
}

test('P-04: takes the bond and counts the stake before start', async () => {
  const world = await buildWorld(await testLedger());
  const { validator, keys, signers } = setUp(world);
  await world.ledger.send([registerValidator(world.addresses, { ...keys, bond: 5n * SOL })], signers);

  const account = await readParticipant(world, validator.address);
  expect({ ...account, bump: 0 }).toMatchObject({
    role: ROLE.validator,
    index: 7,
    roleOrdinal: 4,
    bondLamports: 5n * SOL,
    activeFromEpoch: 0n,
    modelCount: 0,
    models: [],
    hasSecp256k1: 0,
    secp256k1Address: new Uint8Array(20),
  });
  expect(await lamportsOf(world, validator.address)).toBe((await world.ledger.rent(576)) + 5n * SOL);
  expect(await readConfig(world)).toMatchObject({
    participantCount: 8,
    activeValidators: [5, 5],
    activeStake: [13n * SOL, 13n * SOL],
    pendingValidators: 0,
    pendingStake: 0n,
  });
});

test('P-04: a registration in an epoch waits for the next one, which rolls the counts', async () => {
  const world = await buildWorld(await testLedger());
  const { validator, keys, signers } = setUp(world);
  await startWorld(world);
  await world.ledger.send([registerValidator(world.addresses, { ...keys, bond: 2n * SOL })], signers);
  expect((await readParticipant(world, validator.address)).activeFromEpoch).toBe(1n);
  expect(await readConfig(world)).toMatchObject({
    activeValidators: [4, 4],
    activeStake: [8n * SOL, 8n * SOL],
    pendingValidators: 1,
    pendingStake: 2n * SOL,
    stakeEpoch: 0n,
  });

  const register = async (name: string): Promise<void> => {
    const { identity } = member(world.addresses, name, world.operator);
    const keys = { owner: world.operator.publicKey, identity: identity.publicKey, bond: 3n * SOL };
    await world.ledger.send([registerValidator(world.addresses, keys)], [world.operator, identity]);
  };
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  await register('validator of epoch 1');
  expect(await readConfig(world)).toMatchObject({
    activeValidators: [4, 5],
    activeStake: [8n * SOL, 10n * SOL],
    pendingValidators: 1,
    pendingStake: 3n * SOL,
    stakeEpoch: 1n,
  });

  await world.ledger.untilSlot(await firstSlot(world, 5n));
  await register('validator of epoch 5');
  expect(await readConfig(world)).toMatchObject({
    activeValidators: [6, 6],
    activeStake: [13n * SOL, 13n * SOL],
    pendingValidators: 1,
    pendingStake: 3n * SOL,
    stakeEpoch: 5n,
  });
});

test('P-04: stores a proven secp256k1 address', async () => {
  const world = await buildWorld(await testLedger());
  const { validator, keys, signers } = setUp(world);
  const proof = proofFor(world, validator.address);
  await world.ledger.send([registerValidator(world.addresses, { ...keys, bond: 2n * SOL, secp256k1: proof })], signers);
  const account = await readParticipant(world, validator.address);
  expect([account.hasSecp256k1, account.secp256k1Address]).toEqual([1, proof.address]);
});

test('P-04: refuses a proof of another participant, another address, a flipped bit, the other half of s and unused bytes that are not zero', async () => {
  const world = await buildWorld(await testLedger());
  const { validator, keys, signers } = setUp(world);
  const proof = proofFor(world, validator.address);
  const register = (secp256k1: Secp256k1Proof) =>
    world.ledger.send([registerValidator(world.addresses, { ...keys, bond: 2n * SOL, secp256k1 })], signers);

  await refused(register(proofFor(world, world.gateway.address)), 'BadSecp256k1');
  await refused(register({ ...proof, address: namedHash('other').slice(12) }), 'BadSecp256k1');
  const flipped = proof.signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
  await refused(register({ ...proof, signature: flipped }), 'BadSecp256k1');
  await refused(register({ ...proof, recoveryId: 4 }), 'BadSecp256k1');

  const order = secp256k1.Point.Fn.ORDER;
  const s = BigInt(`0x${Buffer.from(proof.signature.slice(32)).toString('hex')}`);
  const high = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex');
  const malleated = concatBytes(proof.signature.slice(0, 32), high);
  await refused(register({ ...proof, signature: malleated, recoveryId: proof.recoveryId ^ 1 }), 'BadSecp256k1');

  const plain = registerValidator(world.addresses, { ...keys, bond: 2n * SOL });
  const dirty = plain.data.map((byte, i) => (i === plain.data.length - 1 ? 1 : byte));
  await refused(world.ledger.send([withData(plain, dirty)], signers), 'BadSecp256k1');
  const flag = plain.data.map((byte, i) => (i === 16 ? 2 : byte));
  await refused(world.ledger.send([withData(plain, flag)], signers), 'BadSecp256k1');
});

test('P-04: refuses a bond below the minimum and an identity that did not sign', async () => {
  const world = await buildWorld(await testLedger());
  const { keys, signers } = setUp(world);
  const small = registerValidator(world.addresses, { ...keys, bond: 2n * SOL - 1n });
  await refused(world.ledger.send([small], signers), 'BondTooSmall');
  const instruction = registerValidator(world.addresses, { ...keys, bond: 2n * SOL });
  await refused(world.ledger.send([unsigned(instruction, 1)], [world.operator]), 'WrongIdentity');
});
