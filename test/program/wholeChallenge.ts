import { challengedPlace, placeAnswer, silenceKey } from '@karmesh/sdk/protocol';
import { expect } from 'vitest';
import {
  keptReport,
  readChallenge,
  sendAccuseSilent,
  sendAnswer,
  sendCloseChallenge,
  sendOpen,
  voteBy,
  writeAnswer,
} from './challengeSteps.ts';
import { toFinalised, toVerdicts } from './epochSteps.ts';
import { fundedFinder, readCase } from './evidenceSteps.ts';
import type { Ledger } from './ledger/ledger.ts';
import { buildWorld, type Member, readConfig, readEpoch, startWorld } from './world.ts';

/** A challenge that is answered and one that is not, of a report that follows on another, on any ledger. */
export async function wholeChallenge(ledger: Ledger): Promise<void> {
  const world = await buildWorld(ledger);
  await startWorld(world);
  const [a] = world.validators as [Member];
  const [worker, other] = world.workers as [Member, Member];
  const rows = [worker, other].map((member) => ({ member, credits: 3 }));
  const first = await keptReport(world, { epoch: 0n, rows });
  await toFinalised(world, first.built);
  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  const { built, kept } = await keptReport(world, {
    epoch,
    rows: rows.map((row) => ({ ...row, had: 3n })),
    priorRoot: first.built.report.root,
  });
  await toVerdicts(world, epoch);
  const votes = world.validators.map((of) => ({ of, report: built.report }));
  await voteBy(world, epoch, votes);
  const challenger = await fundedFinder(world, 'challenger');
  const answerer = await fundedFinder(world, 'answerer');
  const [asked, unanswered] = [4, 5];
  for (const index of [asked, unanswered])
    await sendOpen(world, challenger, { of: built, index, voter: a, priorEpoch: 0n });
  const answer = placeAnswer(built.report, challengedPlace(kept, { index: asked, prior: first.kept }));
  const buffer = await writeAnswer(world, answerer, answer, 0n);
  await sendAnswer(world, answerer, { of: built, index: asked, buffer, priorEpoch: 0n });
  const { untilSlot, closableSlot } = await readChallenge(world, built, unanswered);
  await ledger.untilSlot(untilSlot);
  await sendAccuseSilent(world, a, built, unanswered);
  await ledger.untilSlot(closableSlot);
  for (const index of [asked, unanswered]) await sendCloseChallenge(world, challenger, built, index);
  expect(await readEpoch(world, epoch)).toMatchObject({ openChallenges: 0 });
  expect(await readCase(world, a.address, silenceKey(epoch))).toMatchObject({ finder: challenger.publicKey });
}
