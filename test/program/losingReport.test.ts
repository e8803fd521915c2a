import { EPOCH_STATE, FAULT, proveFalseSum, VOTE_FLAG } from '@karmesh/sdk/program';
import { falseClaimsLeafEvidence, falseLifetimeEvidence, falseSumEvidence, type Report } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
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
} from './epochSteps.ts';
import {
  buffered,
  bufferedFault,
  fundedFinder,
  hashOfReport,
  readFault,
  sendAccuse,
  showFault,
} from './evidenceSteps.ts';
import { tell } from './falseReport.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { shownLeaf } from './shownTree.ts';
import {
  buildWorld,
  firstSlot,
  type Member,
  readEpoch,
  readParticipant,
  readVault,
  readVote,
  startWorld,
  type World,
  type WorldOptions,
} from './world.ts';

const EPOCH = 0n;
const more = (sums: readonly bigint[]) => sums.map((sum) => sum + 1n);

async function voteBy(world: World, votes: readonly { readonly of: Member; readonly report: Report }[]) {
  for (const { of, report } of votes) await sendSeal(world, of, EPOCH, sealOf(world, of, { epoch: EPOCH, report }));
  for (const { of, report } of votes) await sendReveal(world, of, { epoch: EPOCH, report });
}

/** An epoch with its verdicts, a report that is false in its sums, and a true one. */
async function disputed(options: WorldOptions = {}) {
  const world = await buildWorld(liteSvmLedger(), options);
  await startWorld(world);
  const [worker] = world.workers as [Member];
  const settlements = [settlement(world, 1_000_000n)];
  const said = [{ member: worker, karma: [0n, 1n, 1n, 0n, 0n] as const }];
  const told = await tell(world, { epoch: EPOCH, said, settlements, lies: [{ level: 1, index: 2, sums: more }] });
  const honest = await makeReport(world, { epoch: EPOCH, earned: new Map(), settlements });
  await toVerdicts(world, EPOCH);
  const lie = told.built.report;
  const evidence = falseSumEvidence(lie, told.tree.chain(1, 2));
  const finder = await fundedFinder(world);
  return {
    world,
    settlements,
    told,
    lie,
    honest,
    evidence,
    finder,
    reportHash: hashOfReport(world, EPOCH, evidence),
    show: () => showFault(world, finder, { name: 'sum', epoch: EPOCH, evidence }),
    accuse: (validator: Member, reportHash: Uint8Array) =>
      sendAccuse(world, { epoch: EPOCH, fault: FAULT.sum, validator, reportHash }),
    finalise: async () => {
      await sendSettle(world, honest, 0);
      const { quorumSlot } = await readEpoch(world, EPOCH);
      await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
      await sendFinalise(world, EPOCH);
    },
  };
}

/** Three of four vote for the true report, the last for the false one. */
async function outvoted(options: WorldOptions = {}) {
  const made = await disputed(options);
  const [a, b, c, liar] = made.world.validators as [Member, Member, Member, Member];
  const { report } = made.honest;
  await voteBy(made.world, [...[a, b, c].map((of) => ({ of, report })), { of: liar, report: made.lie }]);
  return { ...made, a, b, c, liar };
}

test('P-45, P-47: who voted for a false report that lost is accused; the epoch and the other votes go on as if nothing was', async () => {
  const { world, a, b, c, liar, show, accuse, finalise, finder, reportHash } = await outvoted({
    parameters: { evidenceEpochs: 2n },
  });
  await show();
  expect(await readFault(world, reportHash, FAULT.sum)).toMatchObject({
    epoch: EPOCH,
    finder: finder.publicKey,
    reportHash,
  });
  expect(await readEpoch(world, EPOCH)).toMatchObject({ state: EPOCH_STATE.reported, faults: 0, faultSlot: 0n });
  await finalise();
  await accuse(liar, reportHash);
  for (const honest of [a, b, c]) await refused(accuse(honest, reportHash), 'NotAnOffence');
  expect((await readVote(world, EPOCH, liar)).flags & VOTE_FLAG.accused).toBe(VOTE_FLAG.accused);

  const { finalisedSlot } = await readEpoch(world, EPOCH);
  const final = (finalisedSlot - (await firstSlot(world, 0n))) / world.parameters.slotsPerEpoch;
  await world.ledger.untilSlot(await firstSlot(world, final + 2n));
  for (const voter of [a, b, c, liar]) await sendCloseVote(world, voter, EPOCH);
  // Ten points of SOL: the liar's own salt would have earned one part of ten, and nobody gets it.
  const rewards = [];
  for (const voter of [a, b, c, liar]) rewards.push((await readParticipant(world, voter.address)).rewardLamports);
  expect(rewards).toEqual([30_000n, 30_000n, 30_000n, 0n]);
});

test('P-45: a fault of a final epoch’s losing report is taken until its votes may be closed, and takes back nothing', async () => {
  const { world, liar, show, accuse, finalise, reportHash } = await outvoted({ parameters: { evidenceEpochs: 2n } });
  await finalise();
  await show();
  expect(await readEpoch(world, EPOCH)).toMatchObject({ faults: 0, faultSlot: 0n, voteReward: 100_000n });
  expect((await readVault(world)).rewards).toBe(100_000n);
  await accuse(liar, reportHash);

  const late = await outvoted({ parameters: { evidenceEpochs: 1n } });
  await late.finalise();
  const options = await bufferedFault(late.world, late.finder, { epoch: EPOCH, evidence: late.evidence });
  const { finalisedSlot } = await readEpoch(late.world, EPOCH);
  const final = (finalisedSlot - (await firstSlot(late.world, 0n))) / late.world.parameters.slotsPerEpoch;
  await late.world.ledger.untilSlot(await firstSlot(late.world, final + 1n));
  await refused(late.world.ledger.send([proveFalseSum(late.world.addresses, options)], [late.finder]), 'TooLate');
  await sendCloseVote(late.world, late.liar, EPOCH);
});

test('P-45: nothing is shown before a report has won; of an epoch without one once it is passed over', async () => {
  const { world, lie, honest, show, accuse, reportHash, evidence, finder } = await disputed();
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  await refused(show(), 'BadState');
  const votes = [a, b, c, d].map((of, i) => ({ of, report: i < 2 ? honest.report : lie }));
  await voteBy(world, votes);
  const options = await bufferedFault(world, finder, { epoch: EPOCH, evidence, nonce: 1n });
  const send = () => world.ledger.send([proveFalseSum(world.addresses, options)], [finder]);
  // The false report could still win, and would be without a fault that counts.
  await refused(send(), 'BadState');
  await toFinalised(world, await makeReport(world, { epoch: 1n, earned: new Map() }));
  await send();
  for (const liar of [c, d]) await accuse(liar, reportHash);
  for (const voter of [a, b]) await refused(accuse(voter, reportHash), 'NotAnOffence');
});

test('P-18, P-45: nothing is shown of an epoch that is passed over while verdicts may still be replaced', async () => {
  const { world, lie, show } = await disputed();
  const [a] = world.validators as [Member];
  await sendSeal(world, a, EPOCH, sealOf(world, a, { epoch: EPOCH, report: lie }));
  await toFinalised(world, await makeReport(world, { epoch: 1n, earned: new Map() }));
  await refused(show(), 'BadState');
});

test('P-47: a vote whose report lost its place among the candidates is accused, too', async () => {
  const { world, lie, honest, show, accuse, reportHash } = await disputed({ stakes: [2n, 3n, 3n, 3n, 4n, 40n] });
  const [liar, b, c, d, e, whale] = world.validators as [Member, Member, Member, Member, Member, Member];
  const others = [b, c, d, e].map((of, i) => ({
    of,
    report: { ...honest.report, carriedRoot: namedHash(`other ${i}`) },
  }));
  await voteBy(world, [{ of: liar, report: lie }, ...others, { of: whale, report: honest.report }]);
  const { candidates } = await readEpoch(world, EPOCH);
  expect(candidates.map((candidate) => candidate.reportHash)).not.toContainEqual(reportHash);
  await show();
  await accuse(liar, reportHash);
});

test('P-45: a report for which nobody voted may be false; nobody is accused of it', async () => {
  const { world, lie, told, accuse, finder, evidence: voted } = await outvoted();
  const mine = { ...lie, carriedRoot: namedHash('mine') };
  const evidence = falseSumEvidence(mine, told.tree.chain(1, 2));
  await showFault(world, finder, { name: 'sum', epoch: EPOCH, evidence });
  const unvoted = hashOfReport(world, EPOCH, evidence);
  for (const voter of world.validators) await refused(accuse(voter, unvoted), 'NotAnOffence');
  expect((await readEpoch(world, EPOCH)).faults).toBe(0);
  // It stands in the way of no other fault.
  await showFault(world, finder, { name: 'sum', epoch: EPOCH, evidence: voted, nonce: 1n });
});

test('P-45, P-46: an honest report that lost has no such evidence', async () => {
  const { world, told, finder } = await disputed();
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [worker] = world.workers as [Member];
  const honest = await tell(world, { epoch: EPOCH, said: [{ member: worker, karma: [0n, 0n, 0n, 0n, 0n] }] });
  const { report } = honest.built;
  const winner = { ...report, carriedRoot: namedHash('winner') };
  await voteBy(world, [...[a, b, c].map((of) => ({ of, report: winner })), { of: d, report }]);
  const index = honest.leaves.length - 1;
  const leaf = honest.leaves[index];
  if (leaf === undefined) throw new RangeError('The worker has a leaf.');
  const lifetime = { leaf: shownLeaf(world, EPOCH, leaf), path: honest.tree.path(index) };
  const shown = {
    sum: falseSumEvidence(report, honest.tree.chain(1, 2)),
    lifetime: falseLifetimeEvidence(report, { index, now: { leaf, path: honest.tree.path(index) } }),
    claims: falseClaimsLeafEvidence(report, {
      index,
      claimed: { leaf: lifetime.leaf.hash, path: honest.built.trees.claims.path(index) },
      lifetime,
    }),
  };
  for (const [nonce, name] of (['sum', 'lifetime', 'claims'] as const).entries()) {
    const evidence = shown[name];
    await refused(showFault(world, finder, { name, epoch: EPOCH, evidence, nonce: BigInt(nonce) }), 'NotAnOffence');
  }
  // Another's lie under the honest report's fields leads nowhere.
  const foreign = falseSumEvidence(report, told.tree.chain(1, 2));
  await refused(showFault(world, finder, { name: 'sum', epoch: EPOCH, evidence: foreign, nonce: 9n }), 'BadEvidence');
});

test('P-45: refuses evidence without a whole report, and the fault of another', async () => {
  const { world, finder, evidence, honest } = await outvoted();
  const options = await bufferedFault(world, finder, { epoch: EPOCH, evidence });
  const instruction = proveFalseSum(world.addresses, options);
  const of = (fault: Uint8Array) => world.ledger.send([withAccount(instruction, 6, fault)], [finder]);
  const won = (await readEpoch(world, EPOCH)).reportHash;
  expect(won).toEqual(
    hashOfReport(world, EPOCH, falseSumEvidence(honest.report, { nodes: [], turns: [], below: [{ type: 'absent' }] })),
  );
  await refused(of(world.addresses.fault(won, FAULT.sum)), 'BadPda');
  await refused(of(world.addresses.fault(options.reportHash, FAULT.claims)), 'BadPda');
  for (const [nonce, length] of [
    [1n, 220],
    [2n, 228],
  ] as const) {
    const short = await buffered(world, finder, evidence.subarray(0, length), nonce);
    await refused(
      world.ledger.send([proveFalseSum(world.addresses, { ...options, ...short })], [finder]),
      'BadEvidence',
    );
  }
});
