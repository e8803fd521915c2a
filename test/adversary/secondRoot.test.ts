import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EPOCH_STATE } from '@karmesh/sdk/program';
import { type KarmaVector, reportHashOf } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { openProtection } from '../../validator/src/slashingProtection/openProtection.ts';
import {
  type BuiltReport,
  makeReport,
  sealOf,
  sendAttest,
  sendReveal,
  sendSeal,
  toClosed,
  toVerdicts,
  verdictsRoot,
} from '../program/epochSteps.ts';
import { namedHash } from '../program/keys.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { refused } from '../program/refused.ts';
import { buildWorld, type Member, readConfig, readEpoch, startWorld, type World } from '../program/world.ts';

// A validator signs two roots for one epoch: one that is true, and one that pays its friend.

async function startedWorld() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  return { world, a, b, c, d };
}

function reportFor(world: World, owed: bigint): Promise<BuiltReport> {
  const karma: KarmaVector = [0n, 0n, 0n, 0n, owed];
  const [friend] = world.workers as [Member];
  return makeReport(world, { epoch: 0n, earned: new Map([[friend, { karma, owed: 0n }]]) });
}

test('P-17: the chain takes one sealed root of a validator for an epoch’s verdicts', async () => {
  const { world, a } = await startedWorld();
  await toVerdicts(world, 0n);
  const [honest, other] = [await reportFor(world, 1n), await reportFor(world, 2n)];
  await sendSeal(world, a, 0n, sealOf(world, a, honest));
  await refused(sendSeal(world, a, 0n, sealOf(world, a, other)), 'AlreadyVoted');
  await refused(sendSeal(world, a, 0n, sealOf(world, a, honest)), 'AlreadyVoted');
  expect((await readEpoch(world, 0n)).sealedStake).toBe(2_000_000_000n);
});

test('P-18: what is revealed is what was sealed: another root, another salt and another’s seal are refused', async () => {
  const { world, a, b, c, d } = await startedWorld();
  await toVerdicts(world, 0n);
  const [honest, other] = [await reportFor(world, 1n), await reportFor(world, 2n)];
  for (const one of [a, b, c, d]) await sendSeal(world, one, 0n, sealOf(world, one, honest));
  await refused(sendReveal(world, a, { epoch: 0n, report: other.report }), 'SealMismatch');
  await refused(sendReveal(world, a, { epoch: 0n, report: honest.report, salt: namedHash('salt') }), 'SealMismatch');
  await sendReveal(world, a, { epoch: 0n, report: honest.report });
  // Once revealed, the vote is spent.
  await refused(sendReveal(world, a, { epoch: 0n, report: honest.report }), 'AlreadyVoted');
  await refused(sendReveal(world, a, { epoch: 0n, report: other.report }), 'AlreadyVoted');
});

test('P-18: who copies another’s seal has sealed nothing that it can show', async () => {
  const { world, a, b, c, d } = await startedWorld();
  await toVerdicts(world, 0n);
  const honest = await reportFor(world, 1n);
  const seal = sealOf(world, a, honest);
  for (const one of [a, b, c]) await sendSeal(world, one, 0n, sealOf(world, one, honest));
  await sendSeal(world, d, 0n, seal);
  await sendReveal(world, a, { epoch: 0n, report: honest.report });
  await refused(sendReveal(world, d, { epoch: 0n, report: honest.report }), 'SealMismatch');
});

test('P-18: a false root of one third reaches nothing and is not final beside the true one', async () => {
  const { world, a, b, c, d } = await startedWorld();
  await toVerdicts(world, 0n);
  const [honest, other] = [await reportFor(world, 1n), await reportFor(world, 1_000n)];
  const votes: readonly (readonly [Member, BuiltReport])[] = [
    [d, other],
    [a, honest],
    [b, honest],
    [c, honest],
  ];
  for (const [who, { report }] of votes) await sendSeal(world, who, 0n, sealOf(world, who, { epoch: 0n, report }));
  for (const [who, { report }] of votes) await sendReveal(world, who, { epoch: 0n, report });
  const account = await readEpoch(world, 0n);
  expect(account).toMatchObject({ state: EPOCH_STATE.reported, root: honest.report.root });
  expect((await readConfig(world)).lastFinalisedEpoch).not.toBe(0n);
});

test('P-13: a validator attests one manifest of an epoch', async () => {
  const { world, a } = await startedWorld();
  await toClosed(world, 0n);
  await sendAttest(world, a, 0n);
  await refused(sendAttest(world, a, 0n), 'AlreadyVoted');
  await refused(sendAttest(world, a, 0n, { manifestHash: namedHash('another set') }), 'WrongManifest');
});

test('V-05, V-23: its own protection refuses a second root and a second manifest, across a restart too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'karmesh-second-root-'));
  const path = join(folder, 'protection.log');
  const { world } = await startedWorld();
  const owner = {
    genesis: namedHash('genesis'),
    programId: namedHash('program'),
    participant: namedHash('validator'),
    identity: namedHash('identity'),
  };
  const [honest, other] = [await reportFor(world, 1n), await reportFor(world, 2n)];
  const vote = ({ report }: BuiltReport) => {
    const sealed = { epoch: 0n, verdictsRoot: verdictsRoot(0n), report };
    return { ...sealed, attempt: 1, salt: namedHash('salt'), reportHash: reportHashOf(world.domain, sealed) };
  };
  {
    await using protection = await openProtection({ path, owner });
    await protection.attest({ epoch: 0n, manifestHash: namedHash('set'), salt: namedHash('salt') });
    await protection.sealRoot(vote(honest));
    await expect(protection.sealRoot(vote(other))).rejects.toMatchObject({ code: 'SLASHING_PROTECTION' });
  }
  await using protection = await openProtection({ path, owner });
  await expect(protection.sealRoot(vote(other))).rejects.toMatchObject({ code: 'SLASHING_PROTECTION' });
  await expect(
    protection.attest({ epoch: 0n, manifestHash: namedHash('another set'), salt: namedHash('salt') }),
  ).rejects.toMatchObject({ code: 'SLASHING_PROTECTION' });
  // The same vote again is not a second one: it gives what was recorded, with its salt.
  expect(await protection.sealRoot({ ...vote(honest), salt: namedHash('another salt') })).toEqual(vote(honest));
  await rm(folder, { recursive: true });
});
