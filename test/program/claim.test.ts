import { claim, eventsInLogs } from '@karmesh/sdk/program';
import { decayKarma, type KarmaVector } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import {
  type BuiltReport,
  claimOptions,
  makeReport,
  sendClaim,
  settlement,
  toFinalised,
  toReported,
} from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readParticipant,
  readVault,
  startWorld,
  type World,
} from './world.ts';

const FIRST: KarmaVector = [300_000n, 4_000n, 5_000n, 150_000n, 6_000n];

async function finalisedWorld() {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const [worker, other] = world.workers as [Member, Member];
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map([
      [worker, { karma: FIRST, owed: 500_000n }],
      [other, { karma: [1n, 0n, 0n, 0n, 0n], owed: 300_000n }],
    ]),
    settlements: [settlement(world, 1_000_000n)],
  });
  await toFinalised(world, built);
  return { world, built, worker, other };
}

const send = (world: World, bent: ReturnType<typeof claim>) => world.ledger.send([bent], [world.operator]);

test('P-21: pays the owner, syncs karma and sets the weight of the next epoch', async () => {
  const { world, built, worker } = await finalisedWorld();
  const before = { owner: await lamportsOf(world, worker.owner.publicKey), vault: await readVault(world) };
  const slot = await world.ledger.slot();
  const { logs } = await sendClaim(world, built, worker);

  const epoch = (slot - (await firstSlot(world, 0n))) / world.parameters.slotsPerEpoch;
  expect(await readParticipant(world, worker.address)).toMatchObject({
    karma: FIRST,
    karmaSlot: slot,
    lifetime: FIRST,
    lifetimePaid: 500_000n,
    weightKarma: [0n, 450_000n],
    weightFromEpoch: epoch + 1n,
  });
  expect((await lamportsOf(world, worker.owner.publicKey)) - before.owner).toBe(500_000n);
  const vault = await readVault(world);
  expect([vault.paid, before.vault.lamports - vault.lamports]).toEqual([500_000n, 500_000n]);
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([
    { name: 'Claimed', data: { epoch: 0n, participant: worker.address, paid: 500_000n, karma: FIRST } },
  ]);
});

test('P-21: refuses a second claim of one root', async () => {
  const { world, built, worker } = await finalisedWorld();
  await sendClaim(world, built, worker);
  await refused(sendClaim(world, built, worker), 'AlreadyClaimed');
});

test('P-21, K-06: a later claim decays what was there and gains the difference; the weight moves by epochs', async () => {
  const { world, built, worker, other } = await finalisedWorld();
  const claimedAt = await world.ledger.slot();
  await sendClaim(world, built, worker);
  const second: KarmaVector = [300_007n, 4_000n, 5_001n, 150_000n, 6_000n];
  const later = await makeReport(world, {
    epoch: 4n,
    earned: new Map([
      [worker, { karma: second, owed: 500_800n }],
      [other, { karma: [1n, 0n, 0n, 0n, 0n], owed: 300_000n }],
    ]),
    settlements: [settlement(world, 1_000n, 1_001_000n)],
    priorRoot: built.report.root,
  });
  await toFinalised(world, later);
  const slot = await world.ledger.slot();
  await sendClaim(world, later, worker);

  const elapsedSlots = slot - claimedAt;
  const halfLives = [1_000n, 2_000n, 3_000n, 1_000n, 5_000n];
  const karma = FIRST.map(
    (value, i) => decayKarma(value, { elapsedSlots, halfLifeSlots: halfLives[i] ?? 0n }) + (second[i] ?? 0n) - value,
  );
  expect(await readParticipant(world, worker.address)).toMatchObject({
    karma,
    karmaSlot: slot,
    lifetime: second,
    lifetimePaid: 500_800n,
    weightKarma: [450_000n, (karma[0] ?? 0n) + (karma[3] ?? 0n)],
  });

  // The old root cannot overpay, and who skipped it loses nothing.
  await refused(sendClaim(world, built, worker), 'StaleRoot');
  await sendClaim(world, later, other);
  expect((await readParticipant(world, other.address)).lifetimePaid).toBe(300_000n);
  await refused(sendClaim(world, built, other), 'AlreadyClaimed');
});

test('P-21: two claims in one epoch keep the weight that this epoch is read with', async () => {
  const world = await buildWorld(await testLedger(), { parameters: { slotsPerEpoch: 1_000n } });
  await startWorld(world);
  const [worker] = world.workers as [Member];
  const report = async (epoch: bigint, karma: bigint, priorRoot?: Uint8Array) =>
    await makeReport(world, {
      epoch,
      earned: new Map([[worker, { karma: [0n, karma, 0n, 0n, 0n], owed: 0n }]]),
      ...(priorRoot === undefined ? {} : { priorRoot }),
    });
  const first = await report(0n, 5n);
  await toFinalised(world, first);
  const second = await report(1n, 6n, first.report.root);
  await toFinalised(world, second);
  await sendClaim(world, first, worker);
  const { weightKarma, weightFromEpoch } = await readParticipant(world, worker.address);
  await sendClaim(world, second, worker);
  expect([weightKarma, weightFromEpoch]).toEqual([[0n, 0n], 3n]);
  expect(await readParticipant(world, worker.address)).toMatchObject({ weightKarma: [0n, 0n], weightFromEpoch: 3n });
});

test('P-21: refuses every bent part of the leaf and the path', async () => {
  const { world, built, worker, other } = await finalisedWorld();
  const options = claimOptions(world, built, worker);
  const refuse = async (changed: Partial<typeof options>, error = 'BadPath') =>
    await refused(send(world, claim(world.addresses, { ...options, ...changed })), error);
  await refuse({ lifetimeOwed: 500_001n });
  await refuse({ lifetime: [300_001n, 4_000n, 5_000n, 150_000n, 6_000n] });
  await refuse({ receiptsRoot: namedHash('receipts') });
  await refuse({ index: options.index + 1 });
  await refuse({ participant: other.address });
  await refuse({ path: options.path.slice(1) });
  await refuse({ path: [...options.path, new Uint8Array(32)] });
  for (const level of options.path.keys()) {
    await refuse({ path: options.path.map((node, i) => (i === level ? namedHash('other') : node)) });
  }
  await send(world, claim(world.addresses, options));
});

test("P-21: refuses another owner, another's leaf, a foreign account and no signature", async () => {
  const { world, built, worker, other } = await finalisedWorld();
  const { addresses, operator, ledger, buyer } = world;
  const options = claimOptions(world, built, worker);
  const stolen = claim(addresses, { ...options, owner: operator.publicKey });
  await refused(send(world, stolen), 'BadOwner');
  const theirs = { ...claimOptions(world, built, other), participant: worker.address, owner: worker.owner.publicKey };
  await refused(send(world, claim(addresses, theirs)), 'BadPath');
  await refused(send(world, withAccount(claim(addresses, options), 3, buyer.publicKey)), 'BadOwner');
  await refused(send(world, withAccount(claim(addresses, options), 5, world.escrow)), 'BadOwner');
  const silent = unsigned(claim(addresses, { ...options, payer: worker.owner.publicKey }), 0);
  await refused(ledger.send([silent], [operator]), 'WrongIdentity');
});

test('P-21: refuses a report that is not final', async () => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const [worker] = world.workers as [Member];
  const built: BuiltReport = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: FIRST, owed: 0n }]]),
  });
  await toReported(world, built);
  await refused(sendClaim(world, built, worker), 'NotFinalised');
});

test('T-02: an inner node does not pass for a leaf, nor a leaf for an inner node', async () => {
  const { world, built, worker } = await finalisedWorld();
  const options = claimOptions(world, built, worker);
  // Without its lowest level the path is that of the inner node above the leaf.
  const inner = { ...options, index: options.index >> 1, path: options.path.slice(1) };
  await refused(send(world, claim(world.addresses, inner)), 'BadPath');
});
