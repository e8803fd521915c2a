import { revealSalt, VOTE_FLAG } from '@karmesh/sdk/program';
import { hash, KIND, u64le } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { saltOf, sendAttest, sendBeacon, sendSalt, toAttested, toClosed } from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, type Member, readEpoch, readVote, startWorld } from './world.ts';

async function attestedWorld() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  await toAttested(world, 0n);
  const [a, b] = world.validators as [Member, Member];
  return { world, a, b };
}

test('P-14: the accumulator is the exclusive or of the shares', async () => {
  const { world, a, b } = await attestedWorld();
  await sendSalt(world, a, 0n);
  await sendSalt(world, b, 0n);
  const share = (of: Member) => hash(world.domain, new Uint8Array([KIND.salt]), u64le(0n), of.address, saltOf(of, 0n));
  const [first, second] = [share(a), share(b)];
  const epoch = await readEpoch(world, 0n);
  expect(epoch.saltAccumulator).toEqual(first.map((byte, i) => byte ^ (second[i] ?? 0)));
  expect(epoch.saltCount).toBe(2);
  expect((await readVote(world, 0n, a)).flags).toBe(VOTE_FLAG.attested | VOTE_FLAG.saltRevealed);
});

test('P-14: takes the last slot and refuses the next one', async () => {
  const { world, a, b } = await attestedWorld();
  const last = (await readEpoch(world, 0n)).attestedSlot + world.parameters.saltRevealSlots;
  await world.ledger.untilSlot(last);
  await sendSalt(world, a, 0n);
  await world.ledger.untilSlot(last + 1n);
  await refused(sendSalt(world, b, 0n), 'TooLate');
});

test('P-14: refuses another salt and a second one', async () => {
  const { world, a } = await attestedWorld();
  await refused(sendSalt(world, a, 0n, namedHash('another salt')), 'SaltMismatch');
  await sendSalt(world, a, 0n);
  await refused(sendSalt(world, a, 0n), 'AlreadyVoted');
});

test('P-14: refuses before two thirds attested and after the beacon', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  await toClosed(world, 0n);
  const [a, b, c] = world.validators as [Member, Member, Member];
  await sendAttest(world, a, 0n);
  await refused(sendSalt(world, a, 0n), 'BadState');
  await sendAttest(world, b, 0n);
  await sendAttest(world, c, 0n);
  const { beaconTargetSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(beaconTargetSlot + 1n);
  await sendBeacon(world, 0n);
  await refused(sendSalt(world, a, 0n), 'BadState');
});

test("P-14: refuses another's vote, another identity, no signature and no vote", async () => {
  const { world, a, b } = await attestedWorld();
  const { ledger, addresses, operator } = world;
  const instruction = revealSalt(addresses, {
    identity: a.identity.publicKey,
    validator: a.address,
    epoch: 0n,
    salt: saltOf(a, 0n),
  });
  const stolen = withAccount(instruction, 4, addresses.vote(0n, b.address));
  await refused(ledger.send([stolen], [a.identity]), 'BadPda');
  await refused(ledger.send([withAccount(instruction, 0, b.identity.publicKey)], [b.identity]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'WrongIdentity');
  await refused(ledger.send([withAccount(instruction, 4, addresses.vote(3n, a.address))], [a.identity]), 'BadOwner');
});
