import { closeVote } from '@karmesh/sdk/program';
import type { ChainParameters } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import {
  type BuiltReport,
  makeReport,
  sealOf,
  sendAttest,
  sendBeacon,
  sendCloseVote,
  sendFinalise,
  sendReveal,
  sendSalt,
  sendSeal,
  sendSettle,
  sendVerdicts,
  settlement,
  toAttested,
  toFinalised,
  toReported,
  toVerdicts,
  untilOpen,
} from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { type LiteSvmLedger, liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readConfig,
  readEpoch,
  readParticipant,
  readVault,
  SOL,
  startWorld,
  type World,
} from './world.ts';

test('P-22: pays the rent back to who paid it, once the epoch is final', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b] = world.validators as [Member, Member];
  await toReported(world, await makeReport(world, { epoch: 0n, earned: new Map() }));
  await refused(sendCloseVote(world, a, 0n), 'NotFinalised');
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);

  await refused(sendCloseVote(world, a, 0n, b.identity.publicKey), 'BadOwner');
  const { addresses, ledger, operator } = world;
  const crossed = closeVote(addresses, { epoch: 0n, validator: a.address, payer: a.identity.publicKey });
  const swaps: readonly (readonly [position: number, by: Uint8Array, error: string])[] = [
    [1, addresses.vault, 'BadOwner'],
    [2, world.escrow, 'BadOwner'],
    [3, addresses.vote(0n, b.address), 'BadPda'],
    [4, b.address, 'BadPda'],
    [5, world.escrow, 'BadOwner'],
  ];
  for (const [position, by, error] of swaps)
    await refused(ledger.send([withAccount(crossed, position, by)], [operator]), error);
  const before = await lamportsOf(world, a.identity.publicKey);
  await sendCloseVote(world, a, 0n);
  // Nothing settled, so that there is nothing to share.
  expect((await lamportsOf(world, a.identity.publicKey)) - before).toBe(await ledger.rent(192));
  expect(await ledger.account(addresses.vote(0n, a.address))).toBeUndefined();
  await refused(sendCloseVote(world, a, 0n), 'BadOwner');
});

/** An epoch that settled a million lamports, final, with these validators' parts in it. */
async function paidEpoch(
  parameters: Partial<ChainParameters>,
  did: (world: World, built: BuiltReport) => Promise<void>,
): Promise<World<LiteSvmLedger>> {
  const world = await buildWorld(liteSvmLedger(), { parameters });
  await startWorld(world);
  const settlements = [settlement(world, 1_000_000n)];
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements });
  await did(world, built);
  await sendSettle(world, built, 0);
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);
  return world;
}

const sealAndReveal = async (world: World, voters: readonly Member[], { epoch, report }: BuiltReport) => {
  for (const voter of voters) await sendSeal(world, voter, epoch, sealOf(world, voter, { epoch, report }));
  await untilOpen(world, epoch);
  for (const voter of voters) await sendReveal(world, voter, { epoch, report });
};

test('P-32: a vote earns by its stake, once for its salt and twice for the report; who keeps a salt back earns nothing', async () => {
  const world = await paidEpoch({}, async (world, built) => {
    const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
    await toAttested(world, 0n, [a, b, c]);
    // The third has attested and keeps its salt to itself; the fourth comes in for the report alone.
    for (const one of [a, b]) await sendSalt(world, one, 0n);
    await world.ledger.untilSlot((await readEpoch(world, 0n)).beaconTargetSlot + 1n);
    await sendBeacon(world, 0n);
    const { beaconTargetSlot } = await readEpoch(world, 0n);
    const from = beaconTargetSlot + world.parameters.auditSlots;
    await world.ledger.untilSlot(from);
    await sendVerdicts(world, a, 0n);
    await sealAndReveal(world, [b, c, d], built);
  });
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  // 10 % of what settled; points in stakes of 2 SOL: a 1 (salt), b 3, c 0, d 2.
  expect(await readEpoch(world, 0n)).toMatchObject({ voteReward: 100_000n, votePoints: 12n * SOL });
  expect(await readVault(world)).toMatchObject({ received: 1_000_000n, rewards: 100_000n, rewardsPaid: 0n });
  const paid = [];
  for (const voter of [a, b, c, d]) {
    const before = await lamportsOf(world, voter.address);
    await sendCloseVote(world, voter, 0n);
    paid.push((await lamportsOf(world, voter.address)) - before);
  }
  expect(paid).toEqual([16_666n, 50_000n, 0n, 33_333n]);
  expect(await readVault(world)).toMatchObject({ rewards: 100_000n, rewardsPaid: 99_999n });
  expect(await readParticipant(world, b.address)).toMatchObject({ rewardLamports: 50_000n, commissionLamports: 0n });
});

test('P-32: who voted for the winner before it was pushed out and came back never takes more than was set aside', async () => {
  const world = await buildWorld(liteSvmLedger(), { stakes: [2n, 3n, 3n, 3n, 4n, 40n] });
  await startWorld(world);
  const [first, b, c, d, e, whale] = world.validators as [Member, Member, Member, Member, Member, Member];
  const settlements = [settlement(world, 1_000_000n)];
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements });
  const { report } = built;
  const others = [b, c, d, e].map((of, i) => ({ of, report: { ...report, carriedRoot: namedHash(`other ${i}`) } }));
  const votes = [{ of: first, report }, ...others, { of: whale, report }];
  await toVerdicts(world, 0n);
  for (const vote of votes)
    await sendSeal(world, vote.of, 0n, sealOf(world, vote.of, { epoch: 0n, report: vote.report }));
  // The fifth report takes the winner's place, of which the sixth vote makes a new one, without the first vote's stake.
  for (const vote of votes) await sendReveal(world, vote.of, { epoch: 0n, report: vote.report });
  await sendSettle(world, built, 0);
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({ voteReward: 100_000n, votePoints: (55n + 80n) * SOL });

  const paid = [];
  for (const { of } of [...votes].reverse()) {
    const before = await lamportsOf(world, of.address);
    await sendCloseVote(world, of, 0n);
    paid.unshift((await lamportsOf(world, of.address)) - before);
  }
  // Points in SOL, of 135: 6, 3, 3, 3, 4, 120. The first vote's 4,444 would be too much: it closes last and takes what is left.
  expect(paid).toEqual([1_484n, 2_222n, 2_222n, 2_222n, 2_962n, 88_888n]);
  expect(await readEpoch(world, 0n)).toMatchObject({ votesPaid: 100_000n });
  expect(await readVault(world)).toMatchObject({ rewards: 100_000n, rewardsPaid: 100_000n });
});

test('P-22: votes stay open to evidence for as many epochs as the cluster says', async () => {
  const world = await paidEpoch({ evidenceEpochs: 2n }, async (world, built) => {
    await toVerdicts(world, 0n);
    await sealAndReveal(world, world.validators, built);
  });
  const [a] = world.validators as [Member];
  await refused(sendCloseVote(world, a, 0n), 'TooEarly');
  const { finalisedSlot } = await readEpoch(world, 0n);
  const { epochZeroSlot } = await readConfig(world);
  const final = (finalisedSlot - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await world.ledger.untilSlot((await firstSlot(world, final + 2n)) - 1n);
  await refused(sendCloseVote(world, a, 0n), 'TooEarly');
  await world.ledger.untilSlot(await firstSlot(world, final + 2n));
  await sendCloseVote(world, a, 0n);
  expect((await readParticipant(world, a.address)).rewardLamports).toBe(25_000n);
});

test('P-22: a vote of an epoch that was passed over ends without pay', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a] = world.validators as [Member];
  await toAttested(world, 0n);
  await refused(sendCloseVote(world, a, 0n), 'NotFinalised');
  await toFinalised(world, await makeReport(world, { epoch: 1n, earned: new Map() }));
  const before = await lamportsOf(world, a.identity.publicKey);
  await sendCloseVote(world, a, 0n);
  expect((await lamportsOf(world, a.identity.publicKey)) - before).toBe(await world.ledger.rent(192));
});

test('P-13, P-17: who voted in an epoch that was passed over and closed its vote does not vote in it again', async () => {
  const attested = await buildWorld(liteSvmLedger());
  await startWorld(attested);
  const [a] = attested.validators as [Member];
  await toAttested(attested, 0n, [a]);
  await toFinalised(attested, await makeReport(attested, { epoch: 1n, earned: new Map() }));
  await sendCloseVote(attested, a, 0n);
  await refused(sendAttest(attested, a, 0n), 'WrongEpoch');

  const judged = await buildWorld(liteSvmLedger());
  await startWorld(judged);
  const [b] = judged.validators as [Member];
  await toVerdicts(judged, 0n);
  await toFinalised(judged, await makeReport(judged, { epoch: 1n, earned: new Map() }));
  await sendCloseVote(judged, b, 0n);
  await refused(sendSeal(judged, b, 0n, namedHash('seal')), 'WrongEpoch');
});
