import { attestKeys, eventsInLogs, NONE, registerValidator } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { readKeyAttestation, readModelKeys, registryOf, sendAttestKeys } from './proofSteps.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  MODEL,
  member,
  readConfig,
  SOL,
  startWorld,
  type World,
  type WorldOptions,
} from './world.ts';

async function startedWorld(options: WorldOptions = {}) {
  const world = await buildWorld(await testLedger(), options);
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  return { world, keys: someKeys(world), a, b, c, d };
}

/** Names of keys are all that is attested. */
function someKeys(world: World) {
  const names = ['first', 'second', 'third'];
  return registryOf(
    world,
    names.map((name) => ({ keyId: namedHash(name), contextIndex: 2, verifyingKey: new Uint8Array(0) })),
  );
}

async function late(world: World, bond: bigint): Promise<Member> {
  const { ledger, operator, addresses } = world;
  const validator = member(addresses, 'late validator', operator);
  await ledger.fund(validator.identity.publicKey, SOL);
  const keys = { owner: operator.publicKey, identity: validator.identity.publicKey, bond };
  await ledger.send([registerValidator(addresses, keys)], [operator, validator.identity]);
  return validator;
}

test('P-23: records the attestation; two thirds exactly are not enough, and the one beyond them admits the keys', async () => {
  const { world, keys, a, b, c, d } = await startedWorld({ stakes: [3n, 3n, 2n, 4n] });
  const before = await lamportsOf(world, a.identity.publicKey);
  const { logs } = await sendAttestKeys(world, a, keys);
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([
    {
      name: 'KeysAttested',
      data: { modelKeys: keys.address, validator: a.address, attestedStake: 3n * SOL, admitted: 0 },
    },
  ]);
  expect(await readKeyAttestation(world, keys, a)).toEqual({
    address: world.addresses.keyAttestation(keys.address, a.address),
    modelKeys: keys.address,
    validator: a.address,
    payer: a.identity.publicKey,
    stake: 3n * SOL,
    epoch: 0n,
    bump: expect.any(Number),
  });
  const rent = (await world.ledger.rent(144)) + (await world.ledger.rent(128));
  expect(before - (await lamportsOf(world, a.identity.publicKey))).toBe(rent + 5_000n);

  await sendAttestKeys(world, b, keys);
  await sendAttestKeys(world, c, keys);
  const pending = {
    address: keys.address,
    modelId: MODEL,
    keysRoot: keys.keysRoot,
    keyCount: 3,
    attestationCount: 3,
    attestedStake: 8n * SOL,
    totalStake: 12n * SOL,
    admittedEpoch: NONE,
    bump: expect.any(Number),
    countedEpoch: 0n,
  };
  expect(await readModelKeys(world, keys)).toEqual(pending);
  const last = await sendAttestKeys(world, d, keys);
  expect(eventsInLogs(last.logs, world.addresses.programId)[0]?.data).toMatchObject({
    attestedStake: 12n * SOL,
    admitted: 1,
  });
  const admitted = { attestationCount: 4, attestedStake: 12n * SOL, admittedEpoch: 0n };
  expect(await readModelKeys(world, keys)).toEqual({ ...pending, ...admitted });
});

test('P-23: an attestation of admitted keys counts and leaves the epoch of their admission', async () => {
  const { world, keys, a, b, c, d } = await startedWorld();
  for (const validator of [a, b, c]) await sendAttestKeys(world, validator, keys);
  await world.ledger.untilSlot(await firstSlot(world, 2n));
  await sendAttestKeys(world, d, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({ attestedStake: 8n * SOL, admittedEpoch: 0n });
});

test('P-23: a stake counts once in an epoch, and only with attestations of the same epoch', async () => {
  const { world, keys, a, b, c } = await startedWorld();
  await sendAttestKeys(world, b, keys);
  await sendAttestKeys(world, a, keys);
  await refused(sendAttestKeys(world, a, keys), 'AlreadyVoted');
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  // What b attested an epoch ago may have left with its stake.
  await sendAttestKeys(world, a, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({
    attestationCount: 1,
    attestedStake: 2n * SOL,
    countedEpoch: 1n,
  });
  expect(await readKeyAttestation(world, keys, a)).toMatchObject({ epoch: 1n });
  await sendAttestKeys(world, c, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({ attestedStake: 4n * SOL, admittedEpoch: NONE });
  await sendAttestKeys(world, b, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({ attestedStake: 6n * SOL, admittedEpoch: 1n });
  await world.ledger.untilSlot(await firstSlot(world, 2n));
  await refused(sendAttestKeys(world, a, keys), 'AlreadyVoted');
});

test('P-23: stake that became active since raises what a quorum is', async () => {
  const { world, keys, a, b, c, d } = await startedWorld();
  await sendAttestKeys(world, a, keys);
  const whale = await late(world, 100n * SOL);
  // Not active yet, it neither counts nor may it attest.
  await sendAttestKeys(world, b, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({ attestedStake: 4n * SOL, totalStake: 8n * SOL });
  await refused(sendAttestKeys(world, whale, keys), 'NotActive');

  await world.ledger.untilSlot(await firstSlot(world, 5n));
  const before = await readConfig(world);
  for (const validator of [a, b]) await sendAttestKeys(world, validator, keys);
  await sendAttestKeys(world, c, keys);
  await sendAttestKeys(world, d, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({
    attestedStake: 8n * SOL,
    totalStake: 108n * SOL,
    admittedEpoch: NONE,
  });
  await sendAttestKeys(world, whale, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({ attestedStake: 108n * SOL, admittedEpoch: 5n });
  expect(await readConfig(world)).toEqual(before);
});

test('P-23: who attests another number of keys stands in nobody’s way', async () => {
  const { world, keys, a, b, c, d } = await startedWorld();
  const other = { ...keys, keyCount: 4 };
  await sendAttestKeys(world, a, other);
  for (const validator of [b, c, d]) await sendAttestKeys(world, validator, keys);
  expect(await readModelKeys(world, keys)).toMatchObject({ keyCount: 3, admittedEpoch: 0n });
  expect(await readModelKeys(world, other)).toMatchObject({ keyCount: 4, admittedEpoch: NONE });
});

test('P-23: at least one key and at most 256', async () => {
  const { world, keys, a } = await startedWorld();
  await refused(sendAttestKeys(world, a, { ...keys, keyCount: 0 }), 'BadLength');
  await refused(sendAttestKeys(world, a, { ...keys, keyCount: 257 }), 'BadLength');
  await sendAttestKeys(world, a, { ...keys, keyCount: 256 });
});

test('P-23: refuses before the start', async () => {
  const world = await buildWorld(await testLedger());
  const [a] = world.validators as [Member];
  await refused(sendAttestKeys(world, a, someKeys(world)), 'NotStarted');
});

test('P-23: refuses another role, another identity, no signature and other accounts', async () => {
  const { world, keys, a, b } = await startedWorld();
  const { ledger, operator, addresses, gateway } = world;
  await refused(sendAttestKeys(world, gateway, keys), 'WrongRole');
  const { modelId, keysRoot, keyCount } = keys;
  const own = { identity: a.identity.publicKey, validator: a.address };
  const instruction = attestKeys(addresses, { ...own, modelId, keysRoot, keyCount });
  await refused(ledger.send([withAccount(instruction, 0, operator.publicKey)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'WrongIdentity');
  await refused(ledger.send([withAccount(instruction, 1, addresses.vault)], [a.identity]), 'BadOwner');
  const elsewhere = addresses.modelKeys({ ...keys, keysRoot: namedHash('another root') });
  await refused(ledger.send([withAccount(instruction, 3, elsewhere)], [a.identity]), 'BadPda');
  await refused(ledger.send([withAccount(instruction, 3, addresses.vault)], [a.identity]), 'BadOwner');
  const ofB = addresses.keyAttestation(keys.address, b.address);
  await refused(ledger.send([withAccount(instruction, 4, ofB)], [a.identity]), 'BadPda');

  const others = { ...keys, keysRoot: namedHash('another root') };
  await sendAttestKeys(world, b, others);
  await refused(ledger.send([withAccount(instruction, 3, addresses.modelKeys(others))], [a.identity]), 'BadPda');
});
