import { claim } from '@karmesh/sdk/program';
import type { KarmaVector } from '@karmesh/sdk/protocol';
import { beforeEach, expect, test } from 'vitest';
import {
  type BuiltReport,
  claimOptions,
  makeReport,
  sendClaim,
  settlement,
  toFinalised,
  toReported,
} from '../program/epochSteps.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { refused } from '../program/refused.ts';
import {
  buildWorld,
  lamportsOf,
  type Member,
  readParticipant,
  readVault,
  startWorld,
  type World,
} from '../program/world.ts';

// A worker, or a stranger in its name, takes from the vault more than was earned.

const EARNED: KarmaVector = [300_000n, 0n, 0n, 150_000n, 0n];
let world: World;
let worker: Member;
let other: Member;
let first: BuiltReport;

beforeEach(async () => {
  world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  [worker, other] = world.workers as [Member, Member];
  first = await makeReport(world, {
    epoch: 0n,
    earned: new Map([
      [worker, { karma: EARNED, owed: 500_000n }],
      [other, { karma: [1n, 0n, 0n, 0n, 0n], owed: 300_000n }],
    ]),
    settlements: [settlement(world, 1_000_000n)],
  });
  await toFinalised(world, first);
});

const paidOut = async (): Promise<bigint> => (await readVault(world)).paid;

test('P-21: a claim pays once, however often and by whom it is sent', async () => {
  const before = await lamportsOf(world, worker.owner.publicKey);
  await sendClaim(world, first, worker);
  for (let i = 0; i < 3; i++) await refused(sendClaim(world, first, worker), 'AlreadyClaimed');
  const cranked = { ...claimOptions(world, first, worker), payer: world.buyer.publicKey };
  await refused(world.ledger.send([claim(world.addresses, cranked)], [world.buyer]), 'AlreadyClaimed');
  expect((await lamportsOf(world, worker.owner.publicKey)) - before).toBe(500_000n);
  expect(await paidOut()).toBe(500_000n);
});

test('P-21: two claims in one transaction pay nothing at all', async () => {
  const twice = [0, 1].map(() => claim(world.addresses, claimOptions(world, first, worker)));
  await refused(world.ledger.send(twice, [world.operator]), 'AlreadyClaimed');
  expect(await paidOut()).toBe(0n);
  expect(await readParticipant(world, worker.address)).toMatchObject({ lifetimePaid: 0n });
});

test('P-21: an old root overpays nobody once a newer one was claimed, and the difference alone is paid', async () => {
  await sendClaim(world, first, worker);
  const second = await makeReport(world, {
    epoch: 3n,
    earned: new Map([
      [worker, { karma: [300_001n, 0n, 0n, 150_000n, 0n], owed: 500_800n }],
      [other, { karma: [1n, 0n, 0n, 0n, 0n], owed: 300_000n }],
    ]),
    settlements: [settlement(world, 1_000n, 1_001_000n)],
    priorRoot: first.report.root,
  });
  await toFinalised(world, second);
  await sendClaim(world, second, worker);
  await refused(sendClaim(world, first, worker), 'StaleRoot');
  await refused(sendClaim(world, second, worker), 'AlreadyClaimed');
  expect(await paidOut()).toBe(500_800n);
});

test('P-21: who claims with another’s leaf, for itself or for the other’s account, gets nothing', async () => {
  const theirs = claimOptions(world, first, other);
  const asWorker = { ...theirs, participant: worker.address, owner: worker.owner.publicKey };
  await refused(world.ledger.send([claim(world.addresses, asWorker)], [world.operator]), 'BadPath');
  const toMyself = { ...theirs, owner: worker.owner.publicKey };
  await refused(world.ledger.send([claim(world.addresses, toMyself)], [world.operator]), 'BadOwner');
  const more = { ...claimOptions(world, first, worker), lifetimeOwed: 800_000n };
  await refused(world.ledger.send([claim(world.addresses, more)], [world.operator]), 'BadPath');
  expect(await paidOut()).toBe(0n);
});

test('P-20, P-21: a root that is not final pays nothing', async () => {
  const second = await makeReport(world, {
    epoch: 3n,
    earned: new Map([
      [worker, { karma: EARNED, owed: 600_000n }],
      [other, { karma: [1n, 0n, 0n, 0n, 0n], owed: 300_000n }],
    ]),
    settlements: [settlement(world, 1_000_000n, 2_000_000n)],
    priorRoot: first.report.root,
  });
  await toReported(world, second);
  await refused(sendClaim(world, second, worker), 'NotFinalised');
  expect(await paidOut()).toBe(0n);
});
