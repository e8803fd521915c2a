import { EPOCH_STATE, eventsInLogs, PROGRAM_ID, postVerdicts } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { sendSeal, sendVerdicts, toAttested, toBeacon, verdictsRoot } from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, type Member, readEpoch, SOL, startWorld } from './world.ts';

async function beaconWorld() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  await toBeacon(world, 0n);
  const { beaconTargetSlot } = await readEpoch(world, 0n);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  return { world, from: beaconTargetSlot + world.parameters.auditSlots, a, b, c, d };
}

test('P-16: stores the root at the fixed slot', async () => {
  const { world, from, a } = await beaconWorld();
  await world.ledger.untilSlot(from);
  const { logs } = await sendVerdicts(world, a, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({
    state: EPOCH_STATE.verdicts,
    verdictsRoot: verdictsRoot(0n),
    verdictCount: 3,
    verdictAttempt: 1,
    verdictsSlot: from,
    verdictsProposer: a.address,
    sealedStake: 0n,
  });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    { name: 'VerdictsPosted', data: { epoch: 0n, verdictsRoot: verdictsRoot(0n) } },
  ]);
});

test('P-16: refuses before the slot, and out of turn', async () => {
  const { world, from, a, b } = await beaconWorld();
  await world.ledger.untilSlot(from - 1n);
  await refused(sendVerdicts(world, a, 0n), 'TooEarly');
  await world.ledger.untilSlot(from);
  await refused(sendVerdicts(world, b, 0n), 'NotProposer');
  await world.ledger.untilSlot(from + 2n * world.parameters.proposerWindowSlots);
  await refused(sendVerdicts(world, b, 0n), 'NotProposer');
});

test('P-16: the next proposer replaces a root that gathered no quorum and clears its seals; the same one does not', async () => {
  const { world, from, a, b, c, d } = await beaconWorld();
  await world.ledger.untilSlot(from);
  await sendVerdicts(world, a, 0n);
  await refused(sendVerdicts(world, a, 0n, namedHash('second thoughts')), 'NotProposer');
  await sendSeal(world, c, 0n, namedHash('seal'));
  await sendSeal(world, d, 0n, namedHash('seal'));
  expect((await readEpoch(world, 0n)).sealedStake).toBe(4n * SOL);
  await world.ledger.untilSlot(from + world.parameters.proposerWindowSlots);
  await sendVerdicts(world, b, 0n, namedHash('better verdicts'));
  expect(await readEpoch(world, 0n)).toMatchObject({
    verdictsRoot: namedHash('better verdicts'),
    verdictAttempt: 2,
    sealedStake: 0n,
    verdictsProposer: b.address,
  });
});

test('P-16: a root that two thirds sealed stands', async () => {
  const { world, from, a, b, c, d } = await beaconWorld();
  await world.ledger.untilSlot(from);
  await sendVerdicts(world, a, 0n);
  for (const validator of [a, c, d]) await sendSeal(world, validator, 0n, namedHash('seal'));
  await world.ledger.untilSlot(from + world.parameters.proposerWindowSlots);
  await refused(sendVerdicts(world, b, 0n, namedHash('too late')), 'TooLate');
});

test('P-16: refuses before the beacon', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  await toAttested(world, 0n);
  const [a] = world.validators as [Member];
  await world.ledger.untilSlot((await world.ledger.slot()) + 100n);
  await refused(sendVerdicts(world, a, 0n), 'BadState');
});

test('P-16: refuses another role, another identity, no signature and a foreign account', async () => {
  const { world, from, a } = await beaconWorld();
  const { ledger, addresses, operator, gateway } = world;
  await ledger.untilSlot(from);
  await refused(sendVerdicts(world, gateway, 0n), 'WrongRole');
  const instruction = postVerdicts(addresses, {
    identity: a.identity.publicKey,
    validator: a.address,
    epoch: 0n,
    verdictsRoot: verdictsRoot(0n),
    verdictCount: 3,
  });
  await refused(ledger.send([withAccount(instruction, 0, operator.publicKey)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'WrongIdentity');
  await refused(ledger.send([withAccount(instruction, 3, addresses.vault)], [a.identity]), 'BadOwner');
});
