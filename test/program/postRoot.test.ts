import { postRoot, VOTE_FLAG } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import {
  makeReport,
  sendAttest,
  sendSeal,
  sendVerdicts,
  toBeacon,
  toClosed,
  toReported,
  toVerdicts,
} from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, type Member, readEpoch, readVote, SOL, startWorld } from './world.ts';

async function startedWorld() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  return { world, a, b, c, d };
}

test('P-17: seals the vote', async () => {
  const { world, a } = await startedWorld();
  await toVerdicts(world, 0n);
  await sendSeal(world, a, 0n, namedHash('seal'));
  expect(await readVote(world, 0n, a)).toMatchObject({
    flags: VOTE_FLAG.attested | VOTE_FLAG.saltRevealed | VOTE_FLAG.sealed,
    sealAttempt: 1,
    seal: namedHash('seal'),
    stake: 2n * SOL,
  });
  expect((await readEpoch(world, 0n)).sealedStake).toBe(2n * SOL);
});

test('P-17: a validator that did not attest gets its vote here', async () => {
  const { world, a, b, c, d } = await startedWorld();
  await toVerdicts(world, 0n, [a, b, c]);
  await sendSeal(world, d, 0n, namedHash('seal'));
  expect(await readVote(world, 0n, d)).toMatchObject({
    flags: VOTE_FLAG.sealed,
    sealAttempt: 1,
    stake: 2n * SOL,
    saltHash: new Uint8Array(32),
    payer: d.identity.publicKey,
  });
});

test('P-17: one seal for each attempt', async () => {
  const { world, a, b } = await startedWorld();
  await toVerdicts(world, 0n);
  await sendSeal(world, b, 0n, namedHash('seal'));
  await refused(sendSeal(world, b, 0n, namedHash('another seal')), 'AlreadyVoted');
  const { beaconTargetSlot } = await readEpoch(world, 0n);
  const next = beaconTargetSlot + world.parameters.auditSlots + world.parameters.proposerWindowSlots;
  await world.ledger.untilSlot(next);
  await sendVerdicts(world, b, 0n, namedHash('better verdicts'));
  await sendSeal(world, b, 0n, namedHash('another seal'));
  await sendSeal(world, a, 0n, namedHash('seal'));
  expect(await readVote(world, 0n, b)).toMatchObject({ sealAttempt: 2, seal: namedHash('another seal') });
  expect((await readEpoch(world, 0n)).sealedStake).toBe(4n * SOL);
});

test('P-17: refuses a seal over verdicts that were replaced meanwhile', async () => {
  const { world, a, b } = await startedWorld();
  await toVerdicts(world, 0n);
  const { beaconTargetSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(beaconTargetSlot + world.parameters.auditSlots + world.parameters.proposerWindowSlots);
  await sendVerdicts(world, b, 0n, namedHash('better verdicts'));
  await refused(sendSeal(world, a, 0n, namedHash('seal'), 1), 'BadState');
  await refused(sendSeal(world, a, 0n, namedHash('seal'), 3), 'BadState');
  expect((await readEpoch(world, 0n)).sealedStake).toBe(0n);
  await sendSeal(world, a, 0n, namedHash('seal'), 2);
  expect((await readEpoch(world, 0n)).sealedStake).toBe(2n * SOL);
});

test('P-17: refuses before the verdicts and after the quorum', async () => {
  const { world, a } = await startedWorld();
  await toBeacon(world, 0n);
  await refused(sendSeal(world, a, 0n, namedHash('seal')), 'BadState');

  const second = await startedWorld();
  await toReported(second.world, await makeReport(second.world, { epoch: 0n, earned: new Map() }));
  await refused(sendSeal(second.world, second.a, 0n, namedHash('seal')), 'BadState');
});

test("P-17: refuses another role, another identity, no signature, another's vote and a foreign epoch", async () => {
  const { world, a, b } = await startedWorld();
  await toVerdicts(world, 0n);
  const { ledger, addresses, operator, gateway } = world;
  await refused(sendSeal(world, gateway, 0n, namedHash('seal')), 'WrongRole');
  const keys = { identity: a.identity.publicKey, validator: a.address, epoch: 0n };
  const instruction = postRoot(addresses, { ...keys, seal: namedHash('seal'), attempt: 1 });
  await refused(ledger.send([withAccount(instruction, 0, operator.publicKey)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'WrongIdentity');
  const stolen = withAccount(instruction, 4, addresses.vote(0n, b.address));
  await refused(ledger.send([stolen], [a.identity]), 'BadPda');
  const fresh = withAccount(instruction, 4, addresses.vote(8n, a.address));
  await refused(ledger.send([fresh], [a.identity]), 'BadPda');
  await refused(ledger.send([withAccount(instruction, 3, addresses.vault)], [a.identity]), 'BadOwner');
});

test('P-17: an account that is no vote is refused', async () => {
  const { world, a } = await startedWorld();
  await toClosed(world, 0n);
  await sendAttest(world, a, 0n);
  const { ledger, addresses } = world;
  const keys = { identity: a.identity.publicKey, validator: a.address, epoch: 0n };
  const instruction = postRoot(addresses, { ...keys, seal: namedHash('seal'), attempt: 1 });
  await refused(ledger.send([withAccount(instruction, 4, addresses.vault)], [a.identity]), 'BadState');
});
