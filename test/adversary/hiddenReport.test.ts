import { proveFalseLifetime } from '@karmesh/sdk/program';
import { challengedPlace, falseLifetimeEvidence, placeAnswer, type Report, silenceKey } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import {
  keptReport,
  readChallenge,
  sendAccuseSilent,
  sendAnswer,
  sendOpen,
  voteBy,
  writeAnswer,
} from '../program/challengeSteps.ts';
import { sendFinalise, toVerdicts } from '../program/epochSteps.ts';
import { bufferedFault, fundedFinder, readCase, sendExecute } from '../program/evidenceSteps.ts';
import { namedHash } from '../program/keys.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { refused } from '../program/refused.ts';
import {
  buildWorld,
  firstSlot,
  type Member,
  readConfig,
  readEpoch,
  readParticipant,
  SOL,
  startWorld,
} from '../program/world.ts';

// A validator votes for a root that it made up, or of which it keeps the leaves to itself, so that nothing can be shown.

const WORKER = 4;

async function hidden() {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n], parameters: { evidenceEpochs: 2n } });
  await startWorld(world);
  const [liar, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [worker] = world.workers as [Member];
  const { built, kept } = await keptReport(world, { epoch: 0n, rows: [{ member: worker, credits: 3 }] });
  const secret: Report = { ...built.report, root: namedHash('a root'), claimsRoot: namedHash('another') };
  await toVerdicts(world, 0n);
  const votes = [liar, b, c, d].map((of) => ({ of, report: of === liar ? secret : built.report }));
  await voteBy(world, 0n, votes);
  return { world, liar, honest: [b, c, d], built, kept, of: { ...built, report: secret } };
}

test('P-49, P-50: who votes for a root that nobody shows is slashed for it, and who shows its own is not', async () => {
  const { world, liar, honest, built, kept, of } = await hidden();
  const [b] = honest as [Member];
  const challenger = await fundedFinder(world, 'challenger');
  const finder = await fundedFinder(world);
  // There is no evidence: what the honest validators know leads to another root.
  const { now } = challengedPlace(kept, { index: WORKER });
  const evidence = falseLifetimeEvidence(of.report, { index: WORKER, now });
  const options = await bufferedFault(world, finder, { epoch: 0n, evidence });
  await refused(world.ledger.send([proveFalseLifetime(world.addresses, options)], [finder]), 'BadPath');

  await sendOpen(world, challenger, { of, index: WORKER, voter: liar });
  // The liar asks back, to have those slashed who told the truth; any of them answers for all.
  await sendOpen(world, finder, { of: built, index: WORKER, voter: b });
  const answer = (report: Report) => placeAnswer(report, challengedPlace(kept, { index: WORKER }));
  const buffer = await writeAnswer(world, b.identity, answer(built.report), 0n);
  await sendAnswer(world, b.identity, { of: built, index: WORKER, buffer });
  const lie = await writeAnswer(world, liar.identity, answer(of.report), 0n);
  await refused(sendAnswer(world, liar.identity, { of, index: WORKER, buffer: lie }), 'BadPath');
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);

  await world.ledger.untilSlot((await readChallenge(world, of, WORKER)).untilSlot);
  await sendAccuseSilent(world, liar, of, WORKER);
  for (const voter of honest) {
    await refused(sendAccuseSilent(world, voter, of, WORKER), 'NotAnOffence');
    await refused(sendAccuseSilent(world, voter, built, WORKER), 'ChallengeAnswered');
  }
  const { epochZeroSlot } = await readConfig(world);
  const current = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await world.ledger.untilSlot(await firstSlot(world, current + 1n));
  const offenceKey = silenceKey(0n);
  await sendExecute(world, { offender: liar.address, offenceKey, finder: challenger.publicKey });
  // A tenth of eight SOL.
  expect((await readCase(world, liar.address, offenceKey)).slashedLamports).toBe((SOL / 10n) * 8n);
  for (const voter of honest) expect((await readParticipant(world, voter.address)).openCases).toBe(0);
});
