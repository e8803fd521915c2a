import { EPOCH_STATE, eventsInLogs, PROGRAM_ID, revealRoot, VOTE_FLAG } from '@karmesh/sdk/program';
import { type Report, reportHashOf } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import {
  makeReport,
  reportArguments,
  rootSalt,
  sealOf,
  sendReveal,
  sendSeal,
  settlement,
  toFinalised,
  toVerdicts,
  untilOpen,
  verdictsRoot,
} from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  type Member,
  readEpoch,
  readVote,
  SOL,
  startWorld,
  type World,
  type WorldOptions,
} from './world.ts';

async function verdictsWorld(options: WorldOptions = {}) {
  const world = await buildWorld(liteSvmLedger(), options);
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [worker] = world.workers as [Member];
  const { report } = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: [5n, 0n, 0n, 2n, 0n], owed: 800n }]]),
    settlements: [settlement(world, 1_000n)],
  });
  await toVerdicts(world, 0n);
  return { world, report, a, b, c, d };
}

function reportHash(world: World, report: Report): Uint8Array {
  return reportHashOf(world.domain, { epoch: 0n, verdictsRoot: verdictsRoot(0n), report });
}

const seal = (world: World, of: Member, report: Report) =>
  sendSeal(world, of, 0n, sealOf(world, of, { epoch: 0n, report }));
const reveal = (world: World, of: Member, report: Report) => sendReveal(world, of, { epoch: 0n, report });
const variant = (report: Report, name: string): Report => ({ ...report, carriedRoot: namedHash(name) });

test('P-18: the reveal that passes two thirds stores the report', async () => {
  const { world, report, a, b, c, d } = await verdictsWorld();
  for (const of of [a, b, c, d]) await seal(world, of, report);
  await reveal(world, a, report);
  await reveal(world, b, report);
  expect(await readEpoch(world, 0n)).toMatchObject({ state: EPOCH_STATE.verdicts, root: new Uint8Array(32) });
  const slot = (await world.ledger.slot()) + 2n;
  await world.ledger.untilSlot(slot);
  const { logs } = await reveal(world, c, report);

  const hash = reportHash(world, report);
  expect(await readEpoch(world, 0n)).toMatchObject({
    ...report,
    state: EPOCH_STATE.reported,
    reportHash: hash,
    quorumSlot: slot,
    candidateCount: 1,
    settledCount: 0,
    settledLamports: 0n,
  });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    { name: 'ReportReached', data: { epoch: 0n, reportHash: hash, root: report.root } },
  ]);
  expect(await readVote(world, 0n, c)).toMatchObject({ flags: 15, reportHash: hash });

  // The last one still shows that it kept its duty.
  await reveal(world, d, report);
  expect((await readVote(world, 0n, d)).flags & VOTE_FLAG.revealed).toBe(VOTE_FLAG.revealed);
  expect(await readEpoch(world, 0n)).toMatchObject({
    quorumSlot: slot,
    candidates: expect.arrayContaining([{ reportHash: hash, stake: 8n * SOL, paidStake: 8n * SOL }]),
  });
});

test('P-18: two thirds exactly do not reach a report', async () => {
  const { world, report, a, b, c, d } = await verdictsWorld({ stakes: [2n, 2n, 2n, 3n] });
  for (const of of [a, b, c]) await seal(world, of, report);
  await refused(reveal(world, a, report), 'SealsIncomplete');
  await seal(world, d, variant(report, 'dissent'));
  for (const of of [a, b, c]) await reveal(world, of, report);
  await reveal(world, d, variant(report, 'dissent'));
  expect(await readEpoch(world, 0n)).toMatchObject({ state: EPOCH_STATE.verdicts, candidateCount: 2 });
});

test('P-18: refuses without a seal, twice, and a report or salt that do not open the seal', async () => {
  const { world, report, a, b, c, d } = await verdictsWorld();
  for (const of of [a, b, c]) await seal(world, of, report);
  await untilOpen(world, 0n);
  await refused(reveal(world, d, report), 'NotVoted');
  await refused(reveal(world, a, variant(report, 'changed')), 'SealMismatch');
  await refused(sendReveal(world, a, { epoch: 0n, report, salt: namedHash('another salt') }), 'SealMismatch');
  await reveal(world, a, report);
  await refused(reveal(world, a, report), 'AlreadyVoted');
});

test('P-18: opens nothing in the eight slots in which who has not sealed yet may, unless all have', async () => {
  const { world, report, a, b, c, d } = await verdictsWorld();
  for (const of of [a, b]) await seal(world, of, report);
  await world.ledger.untilSlot((await world.ledger.slot()) + 20n);
  await seal(world, c, report);
  const { sealsSlot } = await readEpoch(world, 0n);
  expect(sealsSlot).toBe(await world.ledger.slot());
  await world.ledger.untilSlot(sealsSlot + 8n);
  await refused(reveal(world, a, report), 'SealsIncomplete');
  await world.ledger.untilSlot(sealsSlot + 9n);
  await reveal(world, a, report);

  const other = await verdictsWorld();
  for (const of of [other.a, other.b, other.c, other.d]) await seal(other.world, of, other.report);
  expect((await readEpoch(other.world, 0n)).sealsSlot).toBeLessThanOrEqual(await other.world.ledger.slot());
  await reveal(other.world, other.a, other.report);
  expect((await readVote(world, 0n, d)).flags & VOTE_FLAG.sealed).toBe(0);
});

test('P-18: a copied seal opens for nobody else', async () => {
  const { world, report, a, b, c, d } = await verdictsWorld();
  for (const of of [a, b, c]) await seal(world, of, report);
  await sendSeal(world, d, 0n, sealOf(world, a, { epoch: 0n, report }));
  await refused(sendReveal(world, d, { epoch: 0n, report, salt: rootSalt(a, 0n) }), 'SealMismatch');
});

test('P-18: four reports of little stake do not shut a greater one out, and a replaced vote may reveal again', async () => {
  const world = await buildWorld(liteSvmLedger(), { stakes: [2n, 2n, 2n, 2n, 2n, 20n, 20n] });
  await startWorld(world);
  const { report } = await makeReport(world, { epoch: 0n, earned: new Map() });
  await toVerdicts(world, 0n);
  const small = world.validators.slice(0, 4);
  const [honestSmall, honestOne, honestTwo] = world.validators.slice(4) as [Member, Member, Member];
  for (const [i, of] of small.entries()) await seal(world, of, variant(report, `spam ${i}`));
  for (const of of [honestSmall, honestOne, honestTwo]) await seal(world, of, report);
  for (const [i, of] of small.entries()) await reveal(world, of, variant(report, `spam ${i}`));

  await refused(reveal(world, honestSmall, report), 'TooManyReports');
  await reveal(world, honestOne, report);
  await reveal(world, honestSmall, report);
  const first = small[0] as Member;
  await refused(reveal(world, first, variant(report, 'spam 0')), 'TooManyReports');
  await reveal(world, honestTwo, report);
  expect(await readEpoch(world, 0n)).toMatchObject({
    state: EPOCH_STATE.reported,
    reportHash: reportHash(world, report),
    candidateCount: 4,
  });
});

test('P-18: refuses a report that does not continue the last root', async () => {
  const { world, report, a, b, c } = await verdictsWorld();
  const stale = { ...report, priorRoot: namedHash('another root') };
  for (const of of [a, b, c]) await seal(world, of, stale);
  await untilOpen(world, 0n);
  for (const of of [a, b, c]) await refused(reveal(world, of, stale), 'StalePrior');
  expect(await readEpoch(world, 0n)).toMatchObject({ candidateCount: 0 });
});

test("P-18: refuses before the verdicts' seals and after the epoch is final", async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b] = world.validators as [Member, Member];
  const built = await makeReport(world, { epoch: 0n, earned: new Map() });
  await toVerdicts(world, 0n);
  await seal(world, a, built.report);
  await refused(reveal(world, a, built.report), 'SealsIncomplete');
  const other = await buildWorld(liteSvmLedger());
  await startWorld(other);
  await toFinalised(other, await makeReport(other, { epoch: 0n, earned: new Map() }));
  await refused(reveal(other, b, built.report), 'BadState');
});

test("P-18: refuses another's vote, another identity and no signature", async () => {
  const { world, report, a, b, c } = await verdictsWorld();
  const { ledger, addresses, operator } = world;
  for (const of of [a, b, c]) await seal(world, of, report);
  const instruction = revealRoot(addresses, {
    identity: a.identity.publicKey,
    validator: a.address,
    epoch: 0n,
    report: reportArguments(report),
    salt: rootSalt(a, 0n),
  });
  await refused(ledger.send([withAccount(instruction, 4, addresses.vote(0n, b.address))], [a.identity]), 'BadPda');
  await refused(ledger.send([withAccount(instruction, 0, b.identity.publicKey)], [b.identity]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'WrongIdentity');
});
