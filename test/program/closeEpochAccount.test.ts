import { closeEpochAccount, eventsInLogs } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { keptReport, readChallenge, sendOpen } from './challengeSteps.ts';
import {
  makeReport,
  manifest,
  sendClaim,
  sendClose,
  sendCloseVote,
  sendFinalise,
  sendSettle,
  settlement,
  toAttested,
  toFinalised,
  toReported,
} from './epochSteps.ts';
import { fundedFinder } from './evidenceSteps.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, type Member, readEpoch, readVault, startWorld, type World } from './world.ts';

const sendEnd = (world: World, epoch: bigint, payer: Uint8Array) =>
  world.ledger.send([closeEpochAccount(world.addresses, { epoch, payer })], [world.operator]);

const earned = (world: World) =>
  new Map([[world.workers[0] as Member, { karma: [0n, 0n, 0n, 0n, 0n] as const, owed: 500_000n }]]);

test('P-51: ends a final epoch that 64 lie behind, when its votes have ended, and pays who paid', async () => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const { ledger, addresses, operator } = world;
  const [a, b] = world.validators as [Member, Member];
  const settlements = [settlement(world, 1_000_000n)];
  const first = await makeReport(world, { epoch: 0n, earned: earned(world), settlements });
  await toFinalised(world, first);
  const { payer, openVotes } = await readEpoch(world, 0n);
  expect([payer, openVotes]).toEqual([a.identity.publicKey, 4]);
  const second = await makeReport(world, { epoch: 63n, earned: earned(world), priorRoot: first.report.root });
  await toFinalised(world, second);
  await refused(sendEnd(world, 0n, payer), 'TooEarly');
  const third = await makeReport(world, { epoch: 64n, earned: earned(world), priorRoot: second.report.root });
  await toFinalised(world, third);
  await refused(sendEnd(world, 0n, payer), 'BadState');
  for (const voter of world.validators) {
    await refused(sendEnd(world, 0n, payer), 'BadState');
    await sendCloseVote(world, voter, 0n);
  }
  const base = closeEpochAccount(addresses, { epoch: 0n, payer });
  const swaps: readonly [number, Uint8Array, string][] = [
    [0, b.identity.publicKey, 'BadOwner'],
    [1, addresses.vault, 'BadOwner'],
    [2, addresses.epoch(63n), 'WrongEpoch'],
    [2, a.address, 'BadOwner'],
    [3, world.escrow, 'BadOwner'],
  ];
  for (const [position, by, error] of swaps) {
    const outcome = ledger.send([withAccount(base, position, by)], [operator]);
    await refused(outcome, error);
  }
  const before = { payer: await lamportsOf(world, payer), vault: await readVault(world) };
  const { logs } = await sendEnd(world, 0n, payer);
  expect((await lamportsOf(world, payer)) - before.payer).toBe(await ledger.rent(1024));
  expect(await readVault(world)).toEqual(before.vault);
  expect(await ledger.account(addresses.epoch(0n))).toBeUndefined();
  expect(eventsInLogs(logs, addresses.programId)).toEqual([{ name: 'EpochAccountClosed', data: { epoch: 0n } }]);
  await refused(sendEnd(world, 0n, payer), 'BadOwner');
  // Nobody makes it anew, and the newest root pays what the old one owed.
  await refused(sendClose(world, a, manifest(0n)), 'WrongEpoch');
  await refused(sendClaim(world, first, world.workers[0] as Member), 'BadOwner');
  const owner = (world.workers[0] as Member).owner.publicKey;
  const held = await lamportsOf(world, owner);
  await sendClaim(world, third, world.workers[0] as Member);
  expect((await lamportsOf(world, owner)) - held).toBe(500_000n);
});

test('P-51: what an epoch that was passed over had settled becomes the treasury’s', async () => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const built = await makeReport(world, {
    epoch: 0n,
    earned: earned(world),
    settlements: [settlement(world, 1_000_000n)],
  });
  await toReported(world, built);
  await sendSettle(world, built, 0);
  await toAttested(world, 1n);
  const later = await makeReport(world, { epoch: 65n, earned: new Map() });
  await toFinalised(world, later);
  // P-19: passed over, it settles nothing more.
  await refused(sendSettle(world, built, 0), 'WrongEpoch');
  const vault = await readVault(world);
  expect(vault).toMatchObject({ received: 1_000_000n, settled: 0n });
  for (const epoch of [0n, 1n]) {
    for (const voter of world.validators) await sendCloseVote(world, voter, epoch);
    await sendEnd(world, epoch, (await readEpoch(world, epoch)).payer);
  }
  expect(await readVault(world)).toEqual({ ...vault, settled: 1_000_000n });
});

test('P-49, P-51: the account of a final epoch stays while a challenge of the next one needs it', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a] = world.validators as [Member];
  const [worker] = world.workers as [Member];
  const first = await keptReport(world, { epoch: 0n, rows: [{ member: worker, credits: 1 }] });
  await toFinalised(world, first.built);
  const { payer } = await readEpoch(world, 0n);
  for (const voter of world.validators) await sendCloseVote(world, voter, 0n);
  // After an outage the next final epoch lies so far behind that the first one's account could end at once.
  const rows = [{ member: worker, had: 1n, credits: 1 }];
  const { built } = await keptReport(world, { epoch: 64n, rows, priorRoot: first.built.report.root });
  await toReported(world, built);
  const challenger = await fundedFinder(world, 'challenger');
  await sendOpen(world, challenger, { of: built, index: 4, voter: a, priorEpoch: 0n });
  const { quorumSlot } = await readEpoch(world, 64n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 64n);
  const { closableSlot } = await readChallenge(world, built, 4);
  await world.ledger.untilSlot(closableSlot - 1n);
  await refused(sendEnd(world, 0n, payer), 'TooEarly');
  await world.ledger.untilSlot(closableSlot);
  await sendEnd(world, 0n, payer);
});
