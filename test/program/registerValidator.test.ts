import { ASSET, ROLE, registerValidator, type Secp256k1Proof } from '@karmesh/sdk/program';
import { concatBytes, hash, KIND, WHOLE } from '@karmesh/sdk/protocol';
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
  readStake,
  SOL,
  startWorld,
  type World,
  weightsOf,
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

test('P-04: takes the bond and counts the weight before start', async () => {
  const world = await buildWorld(await testLedger());
  const { validator, keys, signers } = setUp(world);
  await world.ledger.send([registerValidator(world.addresses, { ...keys, bond: 5n * SOL })], signers);

  const account = await readParticipant(world, validator.address);
  expect({ ...account, bump: 0 }).toMatchObject({
    role: ROLE.validator,
    index: 7,
    roleOrdinal: 4,
    ownUnits: 5n * SOL,
    units: [5n * SOL, 0n],
    slashIndex: WHOLE,
    weights: weightsOf([0n, 5n * SOL]),
    activeFromEpoch: 0n,
    modelCount: 0,
    models: [],
    hasSecp256k1: 0,
    secp256k1Address: new Uint8Array(20),
  });
  expect(await lamportsOf(world, validator.address)).toBe((await world.ledger.rent(832)) + 5n * SOL);
  expect(await readConfig(world)).toMatchObject({
    participantCount: 8,
    validatorCount: 5,
    validators: weightsOf([0n, 5n]),
    stake: weightsOf([0n, 13n * SOL]),
  });
  expect(await readStake(world, validator)).toMatchObject({
    asset: ASSET.lamports,
    units: 5n * SOL,
    rewardLamports: 0n,
  });
});

test('P-04: a registration in an epoch counts from the next one on', async () => {
  const world = await buildWorld(await testLedger());
  const { validator, keys, signers } = setUp(world);
  await startWorld(world);
  await world.ledger.send([registerValidator(world.addresses, { ...keys, bond: 2n * SOL })], signers);
  expect((await readParticipant(world, validator.address)).activeFromEpoch).toBe(1n);
  expect(await readConfig(world)).toMatchObject({
    validatorCount: 5,
    validators: weightsOf([1n, 5n], [0n, 4n]),
    stake: weightsOf([1n, 10n * SOL], [0n, 8n * SOL]),
  });

  const register = async (name: string): Promise<void> => {
    const { identity } = member(world.addresses, name, world.operator);
    const keys = { owner: world.operator.publicKey, identity: identity.publicKey, bond: 3n * SOL };
    await world.ledger.send([registerValidator(world.addresses, keys)], [world.operator, identity]);
  };
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  await register('validator of epoch 1');
  expect(await readConfig(world)).toMatchObject({
    validators: weightsOf([2n, 6n], [1n, 5n], [0n, 4n]),
    stake: weightsOf([2n, 13n * SOL], [1n, 10n * SOL], [0n, 8n * SOL]),
  });

  await world.ledger.untilSlot(await firstSlot(world, 5n));
  await register('validator of epoch 5');
  expect(await readConfig(world)).toMatchObject({
    validators: weightsOf([6n, 7n], [2n, 6n], [1n, 5n], [0n, 4n]),
    stake: weightsOf([6n, 16n * SOL], [2n, 13n * SOL], [1n, 10n * SOL], [0n, 8n * SOL]),
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
