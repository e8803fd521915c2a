import {
  accuseSilent,
  answerChallenge,
  closeChallenge,
  eventsInLogs,
  openChallenge,
  PROGRAM_ID,
  proveFalseLifetime,
  VOTE_FLAG,
} from '@karmesh/sdk/program';
import {
  challengedPlace,
  falseLifetimeEvidence,
  falseVoteKey,
  OFFENCE,
  placeAnswer,
  shownGrowth,
  silenceKey,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import {
  keptReport,
  nameOf,
  type Row,
  readChallenge,
  sendAccuseSilent,
  sendAnswer,
  sendCloseChallenge,
  sendOpen,
  voteBy,
  writeAnswer,
} from './challengeSteps.ts';
import { reportArguments, sendCloseVote, sendFinalise, toFinalised, toVerdicts } from './epochSteps.ts';
import { bufferedFault, fundedFinder, readCase, sendExecute } from './evidenceSteps.ts';
import { namedHash, namedKey } from './keys.ts';
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
  type World,
  type WorldOptions,
} from './world.ts';

const WORKER = 4;
const BOND = 10_000_000n;

/** Epoch 0 with one report that three of four voted for and another that the fourth did. */
async function reportedWorld(options: WorldOptions = {}) {
  const world = await buildWorld(liteSvmLedger(), options);
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [worker, other] = world.workers as [Member, Member];
  const rows = [
    { member: worker, credits: 3 },
    { member: other, credits: 1 },
  ];
  const { built, kept } = await keptReport(world, { epoch: 0n, rows });
  const dissent = await keptReport(world, { epoch: 0n, rows: [{ member: worker, credits: 2 }] });
  await toVerdicts(world, 0n);
  const votes = [a, b, c, d].map((of) => ({ of, report: of === d ? dissent.built.report : built.report }));
  await voteBy(world, 0n, votes);
  const challenger = await fundedFinder(world, 'challenger');
  const answerer = await fundedFinder(world, 'answerer');
  const answer = (index: number) => placeAnswer(built.report, challengedPlace(kept, { index }));
  const open = (index: number) => sendOpen(world, challenger, { of: built, index, voter: a });
  return { world, a, b, c, d, worker, other, built, kept, dissent, challenger, answerer, answer, open };
}

async function finaliseReported(world: World): Promise<void> {
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);
}

test('P-49: who answers a challenge gets its bond; the challenger keeps the rent, and nobody is accused', async () => {
  const { world, a, built, challenger, answerer, answer, open } = await reportedWorld();
  const { reportHash } = nameOf(world, built, WORKER);
  const before = await lamportsOf(world, challenger.publicKey);
  const opened = await open(WORKER);
  const slot = await world.ledger.slot();
  const rent = await world.ledger.rent(120);
  expect(before - (await lamportsOf(world, challenger.publicKey))).toBe(rent + BOND + 5_000n);
  expect(await readChallenge(world, built, WORKER)).toMatchObject({
    epoch: 0n,
    reportHash,
    challenger: challenger.publicKey,
    bond: BOND,
    untilSlot: slot + 32n,
    closableSlot: slot + 64n,
    index: WORKER,
    answered: 0,
  });
  expect(eventsInLogs(opened.logs, PROGRAM_ID)).toEqual([
    {
      name: 'ChallengeOpened',
      data: { epoch: 0n, reportHash, index: WORKER, challenger: challenger.publicKey, untilSlot: slot + 32n },
    },
  ]);
  expect(await readEpoch(world, 0n)).toMatchObject({ heldUntilSlot: slot + 64n, openChallenges: 1 });

  const buffer = await writeAnswer(world, answerer, answer(WORKER), 0n);
  const had = await lamportsOf(world, answerer.publicKey);
  const { logs } = await sendAnswer(world, answerer, { of: built, index: WORKER, buffer });
  expect((await lamportsOf(world, answerer.publicKey)) - had).toBe(BOND);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    { name: 'ChallengeAnswered', data: { epoch: 0n, reportHash, index: WORKER, owner: answerer.publicKey } },
  ]);
  expect(await readChallenge(world, built, WORKER)).toMatchObject({ bond: 0n, answered: 1 });
  expect(await readEpoch(world, 0n)).toMatchObject({ openChallenges: 0 });
  await world.ledger.untilSlot(slot + 1n);
  await refused(sendAnswer(world, answerer, { of: built, index: WORKER, buffer }), 'ChallengeAnswered');
  await world.ledger.untilSlot(slot + 64n);
  await refused(sendAccuseSilent(world, a, built, WORKER), 'ChallengeAnswered');
  const left = await lamportsOf(world, challenger.publicKey);
  const closed = await sendCloseChallenge(world, challenger, built, WORKER);
  expect((await lamportsOf(world, challenger.publicKey)) - left).toBe(rent - 5_000n);
  expect(eventsInLogs(closed.logs, PROGRAM_ID)).toEqual([
    { name: 'ChallengeClosed', data: { epoch: 0n, reportHash, index: WORKER, answered: 1 } },
  ]);
});

test('P-49: every place of a true report can be answered from what a validator keeps of it and of the one before', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b] = world.validators as [Member, Member];
  const [worker, other] = world.workers as [Member, Member];
  const rows: Row[] = [
    { member: a, credits: 1 },
    { member: worker, credits: 5 },
    { member: other, credits: 1 },
  ];
  const first = await keptReport(world, { epoch: 0n, rows });
  await toFinalised(world, first.built);
  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  // Of who stays as it was, goes on, begins within the prior tree and behind it; indexes 2 and 3 have nothing.
  const second = await keptReport(world, {
    epoch,
    rows: [
      { member: a, had: 1n, credits: 0 },
      { member: b, credits: 1 },
      { member: worker, had: 5n, credits: 1 },
      { member: other, had: 1n, credits: 4 },
      { member: world.gateway, credits: 3 },
    ],
    priorRoot: first.built.report.root,
  });
  const { built, kept } = second;
  await toVerdicts(world, epoch);
  await voteBy(
    world,
    epoch,
    world.validators.map((of) => ({ of, report: built.report })),
  );
  const challenger = await fundedFinder(world, 'challenger');
  const answerer = await fundedFinder(world, 'answerer');
  for (let index = 0; index < built.report.participantCount; index++) {
    await refused(sendOpen(world, challenger, { of: built, index, voter: a }), 'StalePrior');
    await sendOpen(world, challenger, { of: built, index, voter: a, priorEpoch: 0n });
    const shown = placeAnswer(built.report, challengedPlace(kept, { index, prior: first.kept }));
    const buffer = await writeAnswer(world, answerer, shown, BigInt(index));
    if (index === 0) {
      await refused(sendAnswer(world, answerer, { of: built, index, buffer, priorEpoch: epoch }), 'StalePrior');
      await refused(sendAnswer(world, answerer, { of: built, index, buffer }), 'BadOwner');
      const named = { ...nameOf(world, built, index), owner: answerer.publicKey, buffer, priorEpoch: 0n };
      const crossed = withAccount(answerChallenge(world.addresses, named), 2, world.addresses.epoch(0n));
      await refused(world.ledger.send([crossed], [world.operator]), 'WrongEpoch');
    }
    await sendAnswer(world, answerer, { of: built, index, buffer, priorEpoch: 0n });
  }
  expect(built.report.participantCount).toBe(7);
  const { closableSlot } = await readChallenge(world, built, 6);
  expect(await readEpoch(world, 0n)).toMatchObject({ heldUntilSlot: closableSlot, openChallenges: 0 });
  expect(await readEpoch(world, epoch)).toMatchObject({ openChallenges: 0 });
});

test('P-50: all who voted for a report that nobody shows are accused, and their votes wait for it', async () => {
  const { world, a, b, c, d, built, challenger, answerer, answer, open } = await reportedWorld();
  await open(WORKER);
  const { untilSlot, closableSlot } = await readChallenge(world, built, WORKER);
  await finaliseReported(world);
  await world.ledger.untilSlot(untilSlot - 1n);
  await refused(sendAccuseSilent(world, a, built, WORKER), 'ChallengeOpen');
  await refused(sendCloseVote(world, a, 0n), 'TooEarly');
  const buffer = await writeAnswer(world, answerer, answer(WORKER), 0n);
  await world.ledger.untilSlot(untilSlot);
  await refused(sendAnswer(world, answerer, { of: built, index: WORKER, buffer }), 'TooLate');
  for (const silent of [a, b, c]) await sendAccuseSilent(world, silent, built, WORKER);
  await refused(sendAccuseSilent(world, a, built, WORKER), 'AlreadyInitialised');
  await refused(sendAccuseSilent(world, d, built, WORKER), 'NotAnOffence');
  expect((await readVote(world, 0n, a)).flags & VOTE_FLAG.accused).toBe(VOTE_FLAG.accused);
  expect((await readVote(world, 0n, d)).flags & VOTE_FLAG.accused).toBe(0);
  const offenceKey = silenceKey(0n);
  expect(await readCase(world, a.address, offenceKey)).toMatchObject({
    kind: OFFENCE.silence,
    bps: 1_000,
    finder: challenger.publicKey,
  });

  // Whoever wants has had time to accuse before the challenger may end it.
  await world.ledger.untilSlot(closableSlot - 1n);
  await refused(sendCloseChallenge(world, challenger, built, WORKER), 'ChallengeOpen');
  await refused(sendCloseVote(world, d, 0n), 'TooEarly');
  await world.ledger.untilSlot(closableSlot);
  const thief = await fundedFinder(world, 'thief');
  const theirs = sendCloseChallenge(world, thief, built, WORKER);
  await refused(theirs, 'BadOwner');
  const before = await lamportsOf(world, challenger.publicKey);
  await sendCloseChallenge(world, challenger, built, WORKER);
  expect((await lamportsOf(world, challenger.publicKey)) - before).toBe((await world.ledger.rent(120)) + BOND - 5_000n);
  expect(await readEpoch(world, 0n)).toMatchObject({ openChallenges: 0 });
  for (const voter of [a, b, c, d]) await sendCloseVote(world, voter, 0n);

  const { epochZeroSlot } = await readConfig(world);
  const now = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await world.ledger.untilSlot(await firstSlot(world, now + 2n));
  for (const { address } of [a, b, c])
    await sendExecute(world, { offender: address, offenceKey, finder: challenger.publicKey });
  expect((await readCase(world, a.address, offenceKey)).slashedLamports).toBe(SOL / 5n);
  expect((await readParticipant(world, a.address)).openCases).toBe(0);
});

test('P-50: whose report lost is accused of its silence, too, and one offence is one whatever was asked', async () => {
  const { world, a, d, dissent, challenger } = await reportedWorld();
  const of = dissent.built;
  for (const index of [0, WORKER]) await sendOpen(world, challenger, { of, index, voter: d });
  await world.ledger.untilSlot((await readChallenge(world, of, WORKER)).untilSlot);
  await sendAccuseSilent(world, d, of, 0);
  await refused(sendAccuseSilent(world, d, of, WORKER), 'AlreadyInitialised');
  await refused(sendAccuseSilent(world, a, of, WORKER), 'NotAnOffence');
});

test('P-50: refuses to accuse by another account than the vote, the validator, the case and the challenge', async () => {
  const { world, a, b, built, challenger, open } = await reportedWorld();
  await open(WORKER);
  await open(0);
  const { untilSlot, closableSlot } = await readChallenge(world, built, WORKER);
  await world.ledger.untilSlot(untilSlot);
  const { addresses, ledger, operator } = world;
  const offenceKey = silenceKey(0n);
  const named = nameOf(world, built, WORKER);
  const accused = { ...named, payer: operator.publicKey, validator: a.address, offenceKey };
  const instruction = accuseSilent(addresses, accused);
  const swaps: readonly (readonly [position: number, by: Uint8Array, error: string])[] = [
    [1, addresses.vault, 'BadOwner'],
    [2, addresses.epoch(0n), 'BadOwner'],
    [3, addresses.vote(0n, b.address), 'BadPda'],
    [4, b.address, 'BadPda'],
    [5, addresses.offenceCase(a.address, falseVoteKey(0n)), 'BadPda'],
  ];
  for (const [position, by, error] of swaps)
    await refused(ledger.send([withAccount(instruction, position, by)], [operator]), error);
  await refused(
    ledger.send([unsigned(accuseSilent(addresses, { ...accused, payer: b.identity.publicKey }), 0)], [operator]),
    'WrongIdentity',
  );

  // The epoch counts what is open: its account is the challenge's own.
  await toFinalised(world, await keptReport(world, { epoch: 1n, rows: [] }).then(({ built: later }) => later));
  await ledger.untilSlot(closableSlot);
  const close = closeChallenge(addresses, { ...named, challenger: challenger.publicKey });
  await refused(ledger.send([withAccount(close, 1, addresses.epoch(1n))], [challenger]), 'WrongEpoch');
  await refused(ledger.send([withAccount(close, 1, addresses.config)], [challenger]), 'BadOwner');
  await refused(ledger.send([unsigned(close, 0)], [operator]), 'BadOwner');
  await ledger.send([close], [challenger]);
  expect(await readEpoch(world, 0n)).toMatchObject({ openChallenges: 1 });
});

test('P-49: each open challenge makes the next one dearer, and an answered one no longer', async () => {
  const { world, built, answerer, answer, open } = await reportedWorld();
  const bondAt = async (index: number) => (await readChallenge(world, built, index)).bond;
  for (const [i, index] of [0, 1, 2].entries()) {
    await open(index);
    expect(await bondAt(index)).toBe(BOND * BigInt(i + 1));
  }
  const buffer = await writeAnswer(world, answerer, answer(1), 0n);
  await sendAnswer(world, answerer, { of: built, index: 1, buffer });
  await open(3);
  expect(await bondAt(3)).toBe(3n * BOND);
});

test('P-49: refuses a challenge of a report without this vote, of a place outside of it, twice, and by nobody', async () => {
  const { world, a, b, d, built, dissent, challenger, open } = await reportedWorld();
  const asked = { of: built, index: WORKER, voter: d };
  await refused(sendOpen(world, challenger, asked), 'NotVoted');
  await refused(sendOpen(world, challenger, { ...asked, of: dissent.built, voter: a }), 'NotVoted');
  const mine = { ...built, report: { ...built.report, carriedRoot: namedHash('mine') } };
  await refused(sendOpen(world, challenger, { ...asked, of: mine, voter: a }), 'NotVoted');
  await refused(open(6), 'BadPath');
  await open(5);
  await refused(sendOpen(world, challenger, { of: built, index: 5, voter: b }), 'AlreadyInitialised');
  const { addresses, ledger, operator } = world;
  const instruction = openChallenge(addresses, {
    ...nameOf(world, built, WORKER),
    challenger: challenger.publicKey,
    report: reportArguments(built.report),
    validator: a.address,
  });
  const swaps: readonly (readonly [position: number, by: Uint8Array, error: string])[] = [
    [1, addresses.vault, 'BadOwner'],
    [2, a.address, 'BadOwner'],
    [3, addresses.config, 'BadOwner'],
    [4, addresses.challenge(nameOf(world, built, 3).reportHash, 3), 'BadPda'],
  ];
  for (const [position, by, error] of swaps)
    await refused(ledger.send([withAccount(instruction, position, by)], [challenger]), error);
  await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'WrongIdentity');
});

test('P-49: refuses a challenge before there is a report, and once votes may be closed', async () => {
  const { world, open, built, a } = await reportedWorld({ parameters: { evidenceEpochs: 1n } });
  const unsealed = await buildWorld(liteSvmLedger());
  await startWorld(unsealed);
  await toVerdicts(unsealed, 0n);
  const early = await fundedFinder(unsealed, 'challenger');
  await refused(sendOpen(unsealed, early, { of: built, index: 0, voter: a }), 'NotVoted');
  await finaliseReported(world);
  const { finalisedSlot } = await readEpoch(world, 0n);
  const { epochZeroSlot } = await readConfig(world);
  const final = (finalisedSlot - epochZeroSlot) / world.parameters.slotsPerEpoch;
  const until = await firstSlot(world, final + 1n);
  await world.ledger.untilSlot(until - 1n);
  await open(0);
  await world.ledger.untilSlot(until);
  // An open challenge holds the votes, but makes no time for another one.
  await refused(open(1), 'TooLate');
  await refused(sendCloseVote(world, a, 0n), 'TooEarly');
});

test('P-49: refuses an answer of another place or report, a false one, and bytes that do not belong to it', async () => {
  const { world, built, kept, dissent, answerer, answer, open } = await reportedWorld();
  await open(WORKER);
  let nonce = 0n;
  const attempt = async (bytes: Uint8Array) =>
    sendAnswer(world, answerer, {
      of: built,
      index: WORKER,
      buffer: await writeAnswer(world, answerer, bytes, nonce++),
    });
  const shown = challengedPlace(kept, { index: WORKER });
  const true_ = answer(WORKER);
  await refused(attempt(answer(5)), 'BadEvidence');
  const other = placeAnswer(dissent.built.report, challengedPlace(dissent.kept, { index: WORKER }));
  await refused(attempt(other), 'BadEvidence');
  await refused(attempt(true_.subarray(0, 200)), 'BadEvidence');
  await refused(attempt(true_.subarray(0, -8)), 'BadEvidence');
  await refused(attempt(Uint8Array.of(...true_, ...new Uint8Array(16))), 'BadEvidence');
  await refused(attempt(placeAnswer(built.report, { ...shown, claimPath: shown.claimPath.toReversed() })), 'BadPath');
  await refused(attempt(placeAnswer(built.report, { ...shown, claimPath: shown.claimPath.slice(1) })), 'BadPath');
  const hidden = { ...shown, now: { path: shown.now.path ?? [] } };
  await refused(attempt(placeAnswer(built.report, hidden)), 'BadPath');

  const buffer = await writeAnswer(world, answerer, true_, nonce);
  const { addresses, ledger, operator } = world;
  const instruction = answerChallenge(addresses, {
    ...nameOf(world, built, WORKER),
    owner: answerer.publicKey,
    buffer,
  });
  const swaps: readonly (readonly [position: number, by: Uint8Array, error: string])[] = [
    // Who copies the answer out of the mempool cannot take the bond: it is the buffer owner's.
    [0, namedKey('thief').publicKey, 'BadOwner'],
    [1, addresses.vault, 'BadOwner'],
    [2, addresses.config, 'BadOwner'],
    [3, addresses.config, 'BadOwner'],
    [4, addresses.config, 'BadOwner'],
  ];
  for (const [position, by, error] of swaps)
    await refused(ledger.send([withAccount(instruction, position, by)], [operator]), error);
  await ledger.send([instruction], [operator]);
});

test('P-46, P-49: what shows the report to be false answers nothing, and is the evidence of a fault', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a] = world.validators as [Member];
  const [worker] = world.workers as [Member];
  // Nobody had anything before the first final report.
  const { built, kept } = await keptReport(world, { epoch: 0n, rows: [{ member: worker, had: 7n, credits: 1 }] });
  await toVerdicts(world, 0n);
  await voteBy(
    world,
    0n,
    world.validators.map((of) => ({ of, report: built.report })),
  );
  const challenger = await fundedFinder(world, 'challenger');
  await sendOpen(world, challenger, { of: built, index: WORKER, voter: a });
  const answerer = await fundedFinder(world, 'answerer');
  const shown = placeAnswer(built.report, challengedPlace(kept, { index: WORKER }));
  const buffer = await writeAnswer(world, answerer, shown, 0n);
  await refused(sendAnswer(world, answerer, { of: built, index: WORKER, buffer }), 'Faulty');
  const evidence = falseLifetimeEvidence(built.report, shownGrowth(kept, { index: WORKER }));
  const options = await bufferedFault(world, challenger, { epoch: 0n, evidence });
  await world.ledger.send([proveFalseLifetime(world.addresses, options)], [challenger]);
  expect(await readEpoch(world, 0n)).toMatchObject({ faults: 1 });
});
