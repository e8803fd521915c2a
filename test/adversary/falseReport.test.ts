import { FAULT, INCINERATOR, proveFalseLifetime } from '@karmesh/sdk/program';
import {
  bufferContent,
  type ChainParameters,
  falseLifetimeEvidence,
  falseVoteKey,
  type KarmaVector,
} from '@karmesh/sdk/protocol';
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
  toFinalised,
  toVerdicts,
} from '../program/epochSteps.ts';
import { bufferedFault, commit, fundedFinder, readCase, sendAccuse, sendExecute } from '../program/evidenceSteps.ts';
import { tell } from '../program/falseReport.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { refused } from '../program/refused.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readConfig,
  readEpoch,
  readParticipant,
  SOL,
  startWorld,
} from '../program/world.ts';

// Validators pay their friend for work that nobody did, within every cap: three of four, or one who never wins.

const MADE_UP: KarmaVector = [400_000n, 0n, 0n, 0n, 0n];

async function plunderedWorld(liars: 1 | 3 = 3, parameters: Partial<ChainParameters> = {}) {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n], parameters });
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [friend] = world.workers as [Member];
  const settlements = [settlement(world, 1_000_000n)];
  const said = [{ member: friend, karma: MADE_UP, owed: 800_000n }];
  const plunder = await tell(world, { epoch: 0n, said, settlements });
  const honest = await makeReport(world, { epoch: 0n, earned: new Map(), settlements });
  await toVerdicts(world, 0n);
  const votes = [a, b, c, d].map((of, i) => ({ of, report: i < liars ? plunder.built.report : honest.report }));
  for (const { of, report } of votes) await sendSeal(world, of, 0n, sealOf(world, of, { epoch: 0n, report }));
  for (const { of, report } of votes) await sendReveal(world, of, { epoch: 0n, report });
  await sendSettle(world, liars === 3 ? plunder.built : honest, 0);
  const index = plunder.leaves.length - 1;
  const leaf = plunder.leaves[index];
  if (leaf === undefined) throw new RangeError('The friend has a leaf.');
  const evidence = falseLifetimeEvidence(plunder.built.report, {
    index,
    now: { leaf, path: plunder.tree.path(index) },
  });
  return { world, a, b, c, d, friend, evidence };
}

test('P-46, P-47: a root that pays for nothing is shown, passed over, and costs those who voted for it', async () => {
  const { world, a, b, c, d, evidence } = await plunderedWorld();
  const finder = await fundedFinder(world);
  const options = await bufferedFault(world, finder, { epoch: 0n, evidence });
  await world.ledger.send([proveFalseLifetime(world.addresses, options)], [finder]);
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await refused(sendFinalise(world, 0n), 'Faulty');
  for (const voter of [a, b, c]) await sendAccuse(world, { epoch: 0n, fault: FAULT.lifetime, validator: voter });
  await refused(sendAccuse(world, { epoch: 0n, fault: FAULT.lifetime, validator: d }), 'NotAnOffence');

  // The next epoch stands on what was final before, and nobody was paid.
  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await toFinalised(world, await makeReport(world, { epoch, earned: new Map() }));
  expect(await readConfig(world)).toMatchObject({ lastFinalisedEpoch: epoch, lastTotals: [0n, 0n, 0n, 0n, 0n, 0n] });
  await world.ledger.untilSlot(await firstSlot(world, epoch + 2n));
  const before = await lamportsOf(world, finder.publicKey);
  const offenceKey = falseVoteKey(0n);
  for (const voter of [a, b, c]) {
    await sendExecute(world, { offender: voter.address, offenceKey, finder: finder.publicKey });
    expect((await readCase(world, voter.address, offenceKey)).slashedLamports).toBeGreaterThan((SOL / 10n) * 16n - 10n);
    expect((await readParticipant(world, voter.address)).openCases).toBe(0);
  }
  expect((await readParticipant(world, d.address)).openCases).toBe(0);
  expect((await lamportsOf(world, finder.publicKey)) - before).toBeGreaterThan((SOL / 10n) * 4n);
  expect(await lamportsOf(world, INCINERATOR)).toBeGreaterThan(4n * SOL);
});

test('P-45 to P-47: one whose false report never wins is slashed all the same, and nobody else waits for it', async () => {
  const { world, a, b, c, d, evidence } = await plunderedWorld(1, { evidenceEpochs: 2n });
  const finder = await fundedFinder(world);
  const options = await bufferedFault(world, finder, { epoch: 0n, evidence });
  await world.ledger.send([proveFalseLifetime(world.addresses, options)], [finder]);
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);
  const { reportHash } = options;
  await sendAccuse(world, { epoch: 0n, fault: FAULT.lifetime, validator: a, reportHash });
  for (const voter of [b, c, d]) {
    const accused = sendAccuse(world, { epoch: 0n, fault: FAULT.lifetime, validator: voter, reportHash });
    await refused(accused, 'NotAnOffence');
  }
  const { epochZeroSlot } = await readConfig(world);
  const { finalisedSlot } = await readEpoch(world, 0n);
  const final = (finalisedSlot - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await world.ledger.untilSlot(await firstSlot(world, final + 2n));
  for (const voter of [a, b, c, d]) await sendCloseVote(world, voter, 0n);
  const offenceKey = falseVoteKey(0n);
  await sendExecute(world, { offender: a.address, offenceKey, finder: finder.publicKey });
  const slashed = (await readCase(world, a.address, offenceKey)).slashedLamports;
  expect(slashed).toBeGreaterThan((SOL / 10n) * 16n - 10n);
  const rewards = [];
  for (const voter of [a, b, c, d]) rewards.push((await readParticipant(world, voter.address)).rewardLamports);
  expect(rewards).toEqual([0n, 30_000n, 30_000n, 30_000n]);
});

test('P-41: who copies the evidence out of the buffer or the mempool is too late', async () => {
  const { world, evidence } = await plunderedWorld();
  const finder = await fundedFinder(world);
  const thief = await fundedFinder(world, 'thief');
  const mine = await bufferedFault(world, finder, { epoch: 0n, evidence });
  // The thief reads the buffer, commits to what is in it and brings it in its own name, from the very same buffer.
  const late = await commit(world, thief, bufferContent(evidence), 2n);
  const theirs = { ...mine, ...late, finder: thief.publicKey };
  await refused(world.ledger.send([proveFalseLifetime(world.addresses, theirs)], [thief]), 'NotCommitted');
  await world.ledger.send([proveFalseLifetime(world.addresses, mine)], [finder]);
  await world.ledger.untilSlot((await world.ledger.slot()) + 64n);
  await refused(world.ledger.send([proveFalseLifetime(world.addresses, theirs)], [thief]), 'AlreadyInitialised');
});
