import { attest, EPOCH_STATE, eventsInLogs, PROGRAM_ID, registerValidator, VOTE_FLAG } from '@karmesh/sdk/program';
import { saltHashOf } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { manifestHash, saltOf, sendAttest, toBeacon, toClosed } from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  lamportsOf,
  type Member,
  member,
  readEpoch,
  readVote,
  SOL,
  startWorld,
  type WorldOptions,
} from './world.ts';

async function closedWorld(options: WorldOptions = {}) {
  const world = await buildWorld(liteSvmLedger(), options);
  await startWorld(world);
  await toClosed(world, 0n);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  return { world, a, b, c, d };
}

test('P-13: records the vote; two thirds exactly are not enough, and the vote beyond them begins the beacon', async () => {
  const { world, a, b, c, d } = await closedWorld({ stakes: [3n, 3n, 2n, 4n] });
  const before = await lamportsOf(world, a.identity.publicKey);
  const { logs } = await sendAttest(world, a, 0n);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    { name: 'Attested', data: { epoch: 0n, validator: a.address, attestedStake: 3n * SOL } },
  ]);
  expect(await readVote(world, 0n, a)).toEqual({
    address: world.addresses.vote(0n, a.address),
    validator: a.address,
    epoch: 0n,
    stake: 3n * SOL,
    flags: VOTE_FLAG.attested,
    bump: expect.any(Number),
    sealAttempt: 0,
    saltHash: saltHashOf(world.domain, { epoch: 0n, validator: a.address, salt: saltOf(a, 0n) }),
    seal: new Uint8Array(32),
    reportHash: new Uint8Array(32),
    payer: a.identity.publicKey,
  });
  expect(before - (await lamportsOf(world, a.identity.publicKey))).toBe((await world.ledger.rent(192)) + 5_000n);

  await sendAttest(world, b, 0n);
  await sendAttest(world, c, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({
    state: EPOCH_STATE.closed,
    attestedStake: 8n * SOL,
    attestedSlot: 0n,
  });
  const slot = (await world.ledger.slot()) + 3n;
  await world.ledger.untilSlot(slot);
  await sendAttest(world, d, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({
    state: EPOCH_STATE.attested,
    attestedStake: 12n * SOL,
    attestedSlot: slot,
    beaconTargetSlot: slot + world.parameters.beaconDelaySlots,
  });
});

test('P-13: a later attestation counts until the salts end and does not move R', async () => {
  const { world, a, b, c, d } = await closedWorld();
  for (const validator of [a, b, c]) await sendAttest(world, validator, 0n);
  const { attestedSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(attestedSlot + world.parameters.saltRevealSlots);
  await sendAttest(world, d, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({ attestedSlot, attestedStake: 8n * SOL });

  const second = await closedWorld({ stakes: [2n, 2n, 2n, 2n] });
  for (const validator of [second.a, second.b, second.c]) await sendAttest(second.world, validator, 0n);
  const late = (await readEpoch(second.world, 0n)).attestedSlot + world.parameters.saltRevealSlots + 1n;
  await second.world.ledger.untilSlot(late);
  await refused(sendAttest(second.world, second.d, 0n), 'TooLate');
});

test('P-13: refuses another manifest and a second vote', async () => {
  const { world, a } = await closedWorld();
  await refused(sendAttest(world, a, 0n, { manifestHash: namedHash('another manifest') }), 'WrongManifest');
  await sendAttest(world, a, 0n);
  await refused(sendAttest(world, a, 0n), 'AlreadyVoted');
  await refused(sendAttest(world, a, 0n, { saltHash: namedHash('another salt') }), 'AlreadyVoted');
});

test('P-13: refuses once the beacon is known', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  await toBeacon(world, 0n, [a, b, c]);
  await refused(sendAttest(world, d, 0n), 'BadState');
});

test('P-13: refuses a validator that was not active in the epoch, another role, another identity and no signature', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const { ledger, operator, addresses, gateway } = world;
  const late = member(addresses, 'late validator', operator);
  await ledger.fund(late.identity.publicKey, SOL);
  const keys = { owner: operator.publicKey, identity: late.identity.publicKey, bond: 2n * SOL };
  await ledger.send([registerValidator(addresses, keys)], [operator, late.identity]);
  await toClosed(world, 0n);
  const [a] = world.validators as [Member];

  await refused(sendAttest(world, late, 0n), 'NotActive');
  await refused(sendAttest(world, gateway, 0n), 'WrongRole');
  const instruction = attest(addresses, {
    identity: a.identity.publicKey,
    validator: a.address,
    epoch: 0n,
    manifestHash: manifestHash(world, 0n),
    saltHash: namedHash('salt'),
  });
  await refused(ledger.send([withAccount(instruction, 0, operator.publicKey)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'WrongIdentity');
  await refused(ledger.send([withAccount(instruction, 3, addresses.vault)], [a.identity]), 'BadOwner');
  await refused(ledger.send([withAccount(instruction, 3, a.address)], [a.identity]), 'BadOwner');
  await refused(ledger.send([withAccount(instruction, 4, addresses.vote(1n, a.address))], [a.identity]), 'BadPda');
});
