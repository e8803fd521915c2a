import { EPOCH_STATE, eventsInLogs, PROGRAM_ID } from '@karmesh/sdk/program';
import type { KarmaVector } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import {
  type BuiltReport,
  makeReport,
  sendFinalise,
  sendSettle,
  settlement,
  toFinalised,
  toReported,
  toVerdicts,
} from './epochSteps.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, type Member, readConfig, readEpoch, startWorld, type World } from './world.ts';

/** What settles in these tests. 5 % of it, times 10 micro-karma per lamport, bounds karma: 500,000; 80 % bounds what is owed. */
const SETTLED = 1_000_000n;

async function startedWorld(): Promise<World> {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  return world;
}

async function reportOf(world: World, karma: KarmaVector, owed: bigint): Promise<BuiltReport> {
  const [worker] = world.workers as [Member];
  return await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma, owed }]]),
    settlements: [settlement(world, SETTLED)],
  });
}

/** Reported and settled, with the challenge window over. */
async function readyToFinalise(world: World, built: BuiltReport): Promise<void> {
  await toReported(world, built);
  for (const index of built.settlements.keys()) await sendSettle(world, built, index);
  const { quorumSlot } = await readEpoch(world, built.epoch);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
}

test('P-20: takes totals at their caps exactly, and makes them the last', async () => {
  const world = await startedWorld();
  // The worker's index is 4, so that the tree has five leaves, of which caps per participant count.
  const built = await reportOf(world, [300_000n, 5_000n, 10_000n, 200_000n, 12_000n], 800_000n);
  await readyToFinalise(world, built);
  const slot = await world.ledger.slot();
  const { logs } = await sendFinalise(world, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({ state: EPOCH_STATE.finalised, finalisedSlot: slot });
  expect(await readConfig(world)).toMatchObject({
    lastFinalisedEpoch: 0n,
    lastRoot: built.report.root,
    lastTotals: [300_000n, 5_000n, 10_000n, 200_000n, 12_000n, 800_000n],
  });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'Finalised', data: { epoch: 0n, root: built.report.root } }]);
  await refused(sendFinalise(world, 0n), 'BadState');
});

test.each<readonly [string, KarmaVector, bigint]>([
  ['inference', [500_001n, 0n, 0n, 0n, 0n], 0n],
  ['inference and redundancy together', [300_000n, 0n, 0n, 200_001n, 0n], 0n],
  ['seeding', [0n, 5_001n, 0n, 0n, 0n], 0n],
  ['uptime', [0n, 0n, 10_001n, 0n, 0n], 0n],
  ['validation', [0n, 0n, 0n, 0n, 12_001n], 0n],
  ['what is owed', [0n, 0n, 0n, 0n, 0n], 800_001n],
])('P-20: refuses one too much of %s', async (_, karma, owed) => {
  const world = await startedWorld();
  await readyToFinalise(world, await reportOf(world, karma, owed));
  await refused(sendFinalise(world, 0n), 'CapExceeded');
});

test('P-20: refuses totals that shrink', async () => {
  const world = await startedWorld();
  const first = await reportOf(world, [10n, 0n, 0n, 0n, 0n], 5n);
  await toFinalised(world, first);
  const [worker] = world.workers as [Member];
  const second = await makeReport(world, {
    epoch: 1n,
    earned: new Map([[worker, { karma: [9n, 0n, 0n, 0n, 0n], owed: 5n }]]),
    priorRoot: first.report.root,
  });
  await readyToFinalise(world, second);
  await refused(sendFinalise(world, 1n), 'CapExceeded');
});

test('P-20: refuses a tree wider than the registrations', async () => {
  const world = await startedWorld();
  const built = await makeReport(world, { epoch: 0n, earned: new Map() });
  const wide = { ...built, report: { ...built.report, participantCount: 8 } };
  await readyToFinalise(world, wide);
  await refused(sendFinalise(world, 0n), 'CapExceeded');
});

test('P-20: refuses before the challenge window is over and before every escrow settled', async () => {
  const world = await startedWorld();
  const built = await reportOf(world, [1n, 0n, 0n, 0n, 0n], 0n);
  await toReported(world, built);
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots - 1n);
  await refused(sendFinalise(world, 0n), 'TooEarly');
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await refused(sendFinalise(world, 0n), 'NotSettled');
  await sendSettle(world, built, 0);
  await sendFinalise(world, 0n);
});

test('P-20: of two reports on one prior root the second is refused', async () => {
  const world = await startedWorld();
  const [worker] = world.workers as [Member];
  // A leaf of zeros, so that the first root is not the zero root that the second one continues.
  const earned = new Map([[worker, { karma: [0n, 0n, 0n, 0n, 0n], owed: 0n }]] as const);
  await toReported(world, await makeReport(world, { epoch: 0n, earned }));
  await toReported(world, await makeReport(world, { epoch: 1n, earned }));
  const { quorumSlot } = await readEpoch(world, 1n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);
  await refused(sendFinalise(world, 1n), 'StalePrior');
});

test('P-20: an epoch before the last finalised one is refused', async () => {
  const world = await startedWorld();
  await toReported(world, await makeReport(world, { epoch: 0n, earned: new Map() }));
  await toFinalised(world, await makeReport(world, { epoch: 1n, earned: new Map() }));
  await refused(sendFinalise(world, 0n), 'WrongEpoch');
});

test('P-20: refuses before the quorum', async () => {
  const world = await startedWorld();
  await toVerdicts(world, 0n);
  await refused(sendFinalise(world, 0n), 'BadState');
});
