import { VOTE_FLAG } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import {
  makeReport,
  sealOf,
  sendCloseVote,
  sendFinalise,
  sendReveal,
  sendSeal,
  sendSettle,
  settlement,
  toVerdicts,
  untilOpen,
} from '../program/epochSteps.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { refused } from '../program/refused.ts';
import { buildWorld, lamportsOf, type Member, readEpoch, readVote, SOL, startWorld } from '../program/world.ts';

// A validator that tallies nothing waits until another one has opened its seal, reads the report there, and seals and opens the same.

test('P-17, P-18, P-32: who copies a report that somebody opened is not paid for it', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b, c, lazy] = world.validators as [Member, Member, Member, Member];
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map(),
    settlements: [settlement(world, 1_000_000n)],
  });
  const vote = { epoch: 0n, report: built.report };
  const sealing = (of: Member) => sendSeal(world, of, 0n, sealOf(world, of, vote));
  await toVerdicts(world, 0n);
  for (const of of [a, b, c]) await sealing(of);
  // Nobody opens anything as long as a seal still counts.
  await refused(sendReveal(world, a, vote), 'SealsIncomplete');
  await untilOpen(world, 0n);
  await sendReveal(world, a, vote);

  await sealing(lazy);
  expect((await readVote(world, 0n, lazy)).flags & VOTE_FLAG.late).toBe(VOTE_FLAG.late);
  await sendReveal(world, lazy, vote);
  // Its stake counts towards the report, so that one who was slow helps an epoch on.
  await sendReveal(world, b, vote);
  await sendSettle(world, built, 0);
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendReveal(world, c, vote);
  await sendFinalise(world, 0n);

  // Points in stakes of 2 SOL: all four salts, and twice three reports.
  expect(await readEpoch(world, 0n)).toMatchObject({ voteReward: 100_000n, votePoints: 10n * 2n * SOL });
  const paid = [];
  for (const voter of [a, b, c, lazy]) {
    const before = await lamportsOf(world, voter.address);
    await sendCloseVote(world, voter, 0n);
    paid.push((await lamportsOf(world, voter.address)) - before);
  }
  expect(paid).toEqual([30_000n, 30_000n, 30_000n, 10_000n]);
});

test('P-17: a seal within eight slots of the second third is in time, and one under new verdicts is judged anew', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const { report } = await makeReport(world, { epoch: 0n, earned: new Map() });
  await toVerdicts(world, 0n);
  for (const of of [a, b, c]) await sendSeal(world, of, 0n, sealOf(world, of, { epoch: 0n, report }));
  const { sealsSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(sealsSlot + 8n);
  await sendSeal(world, d, 0n, sealOf(world, d, { epoch: 0n, report }));
  expect((await readVote(world, 0n, d)).flags & VOTE_FLAG.late).toBe(0);
  await sendReveal(world, d, { epoch: 0n, report });
  const [candidate] = (await readEpoch(world, 0n)).candidates as readonly { readonly paidStake: bigint }[];
  expect(candidate?.paidStake).toBe(2n * SOL);
});
