import { accuseVoter, FAULT, VOTE_FLAG } from '@karmesh/sdk/program';
import { type FalseSum, falseSumEvidence, falseVoteKey, OFFENCE } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import {
  makeReport,
  sealOf,
  sendCloseVote,
  sendReveal,
  sendSeal,
  settlement,
  toFinalised,
  toVerdicts,
} from './epochSteps.ts';
import { fundedFinder, readCase, sendAccuse, sendExecute, showFault } from './evidenceSteps.ts';
import { tell } from './falseReport.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readConfig,
  readEpoch,
  readParticipant,
  readVote,
  SOL,
  startWorld,
  type WorldOptions,
} from './world.ts';

/** Three of four validators vote for a false report, the fourth for another; then somebody shows what is false. */
async function accusedWorld(options: WorldOptions = {}) {
  const world = await buildWorld(liteSvmLedger(), options);
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [worker] = world.workers as [Member];
  const lies = [{ level: 1, index: 2, sums: (sums: readonly bigint[]) => sums.map((sum) => sum + 1n) }];
  const told = await tell(world, { epoch: 0n, said: [{ member: worker, karma: [0n, 0n, 0n, 0n, 0n] }], lies });
  const honest = await makeReport(world, { epoch: 0n, earned: new Map() });
  await toVerdicts(world, 0n);
  const votes = [a, b, c, d].map((of) => ({ of, report: of === d ? honest.report : told.built.report }));
  for (const { of, report } of votes) await sendSeal(world, of, 0n, sealOf(world, of, { epoch: 0n, report }));
  for (const { of, report } of votes) await sendReveal(world, of, { epoch: 0n, report });
  const finder = await fundedFinder(world);
  const chain: FalseSum = told.tree.chain(1, 2);
  const show = () =>
    showFault(world, finder, { name: 'sum', epoch: 0n, evidence: falseSumEvidence(told.built.report, chain) });
  const accuse = (validator: Member) => sendAccuse(world, { epoch: 0n, fault: FAULT.sum, validator });
  const offenceKey = falseVoteKey(0n);
  return { world, a, b, c, d, finder, show, accuse, offenceKey };
}

test('P-47: who voted for a false report is accused, once; who did not is not', async () => {
  const { world, a, d, finder, show, accuse, offenceKey } = await accusedWorld();
  await refused(accuse(a), 'BadOwner');
  await show();
  await accuse(a);
  expect(await readCase(world, a.address, offenceKey)).toMatchObject({
    finder: finder.publicKey,
    bps: 2_000,
    kind: OFFENCE.falseVote,
    executed: 0,
  });
  expect((await readVote(world, 0n, a)).flags & VOTE_FLAG.accused).toBe(VOTE_FLAG.accused);
  expect((await readParticipant(world, a.address)).openCases).toBe(1);
  await refused(accuse(a), 'AlreadyInitialised');
  await refused(accuse(d), 'NotAnOffence');
  expect((await readVote(world, 0n, d)).flags & VOTE_FLAG.accused).toBe(0);
});

test('P-47: refuses another’s vote, another validator and another fault', async () => {
  const { world, a, b, show, offenceKey } = await accusedWorld();
  const { addresses, ledger, operator } = world;
  await show();
  const { reportHash } = await readEpoch(world, 0n);
  const options = {
    payer: operator.publicKey,
    epoch: 0n,
    reportHash,
    fault: FAULT.sum,
    validator: a.address,
    offenceKey,
  };
  const instruction = accuseVoter(addresses, options);
  const send = (position: number, address: Uint8Array) =>
    ledger.send([withAccount(instruction, position, address)], [operator]);
  await refused(send(2, addresses.epoch(0n)), 'BadOwner');
  await refused(send(3, addresses.vote(0n, b.address)), 'BadPda');
  await refused(send(4, b.address), 'BadPda');
  await refused(send(5, addresses.offenceCase(b.address, offenceKey)), 'BadPda');
});

test('P-22, P-47: the votes of a false report stay open for evidence from the fault on, earn nothing, and are slashed', async () => {
  const { world, a, b, c, show, accuse, offenceKey, finder } = await accusedWorld({
    parameters: { evidenceEpochs: 2n, voteShareBps: 1_000n },
  });
  // A later epoch becomes final on the last true report, which there is none of; this one is passed over.
  await show();
  const { epochZeroSlot } = await readConfig(world);
  const epochOf = (slot: bigint) => (slot - epochZeroSlot) / world.parameters.slotsPerEpoch;
  const later = await makeReport(world, {
    epoch: epochOf(await world.ledger.slot()),
    earned: new Map(),
    settlements: [settlement(world, 1_000_000n)],
  });
  await refused(sendCloseVote(world, a, 0n), 'NotFinalised');
  await toFinalised(world, later);
  const { faultSlot } = await readEpoch(world, 0n);
  expect((await readConfig(world)).lastFinalisedEpoch).toBe(later.epoch);

  const until = await firstSlot(world, epochOf(faultSlot) + 2n);
  if ((await world.ledger.slot()) < until) {
    await refused(sendCloseVote(world, a, 0n), 'TooEarly');
    await world.ledger.untilSlot(until);
  }
  for (const voter of [a, b, c]) await accuse(voter);
  const before = await lamportsOf(world, a.identity.publicKey);
  await sendCloseVote(world, a, 0n);
  expect((await lamportsOf(world, a.identity.publicKey)) - before).toBe(await world.ledger.rent(192));
  expect((await readParticipant(world, a.address)).rewardLamports).toBe(0n);

  await world.ledger.untilSlot(await firstSlot(world, epochOf(await world.ledger.slot()) + 1n));
  for (const voter of [a, b, c]) {
    await sendExecute(world, { offender: voter.address, offenceKey, finder: finder.publicKey });
    expect((await readParticipant(world, voter.address)).openCases).toBe(0);
  }
  const { slashedWeight } = await readConfig(world);
  expect(slashedWeight).toBeLessThanOrEqual((SOL / 10n) * 12n);
  expect(slashedWeight).toBeGreaterThan((SOL / 10n) * 12n - 10n);
});
