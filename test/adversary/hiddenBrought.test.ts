import { challengedPlace, placeAnswer, type Report, silenceKey } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import {
  keptReport,
  nameOf,
  readChallenge,
  sendAnswer,
  sendOpen,
  voteBy,
  writeAnswer,
} from '../program/challengeSteps.ts';
import { sendFinalise, toVerdicts } from '../program/epochSteps.ts';
import { fundedFinder, readCase } from '../program/evidenceSteps.ts';
import { namedHash } from '../program/keys.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { marketOf } from '../program/signedSet.ts';
import { buildWorld, lamportsOf, type Member, readEpoch, readParticipant, SOL, startWorld } from '../program/world.ts';
import { type Disputing, disputing } from './disputing.ts';

// One of four votes for another report than the others and keeps its body to itself. Another one of them asks for it, by its own duties.

const OFFENCE_KEY = silenceKey(0n);

async function hidden() {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n], parameters: { evidenceEpochs: 2n } });
  await startWorld(world);
  const [other, b, c, d] = world.validators as [Member, Member, Member, Member];
  const [worker] = world.workers as [Member];
  const rows = [{ member: worker, credits: 3 }];
  const honest = await keptReport(world, { epoch: 0n, rows });
  const market = await marketOf(world);
  return { world, market, other, d, votersOf: [b, c, d], honest, worker };
}
type Hidden = Awaited<ReturnType<typeof hidden>>;

/** Everybody votes, one of them for this report, and the others' report becomes final. */
async function vote({ world, other, votersOf, honest }: Hidden, report: Report): Promise<void> {
  await toVerdicts(world, 0n);
  const votes = [{ of: other, report }, ...votersOf.map((of) => ({ of, report: honest.built.report }))];
  await voteBy(world, 0n, votes);
}

function finderIn(
  { world, market, d, other, honest }: Hidden,
  report: Report,
  options: { readonly isMortal?: boolean; readonly limitLamports?: bigint } = {},
): Promise<Disputing> {
  const { reportHash } = nameOf(world, honest.built, 0);
  const offences = [{ offender: other.address, offenceKey: OFFENCE_KEY }];
  return disputing({ world, market, me: d, ownReport: reportHash, revealed: [report], offences, ...options });
}

test('P-49, P-50, V-37: who keeps its report back is asked and slashed for silence, though who asks dies before and after every step', async () => {
  const started = await hidden();
  const { world, other, votersOf, d, honest } = started;
  const secret: Report = { ...honest.built.report, root: namedHash('a root'), claimsRoot: namedHash('another') };
  await vote(started, secret);
  const before = await lamportsOf(world, d.identity.publicKey);
  await using finder = await finderIn(started, secret, { isMortal: true });
  // Six looks at the votes, each of which asks a voter for the body, before anything is sent.
  for (let looks = 0; looks < 6; ) {
    expect(finder.findings()).toEqual([]);
    if ((await finder.look()).includes('compareReports')) looks += 1;
    await world.ledger.untilSlot((await world.ledger.slot()) + 2n);
  }
  expect(finder.findings()).toMatchObject([{ type: 'hiddenReport', state: 'found' }]);
  await finder.until(() => finder.sent.includes('ask'));
  const [found] = finder.findings();
  if (found?.type !== 'hiddenReport') throw new RangeError('It found a hidden report.');
  const of = { epoch: 0n, report: secret };
  expect(await readChallenge(world, of, found.of.index)).toMatchObject({
    challenger: d.identity.publicKey,
    bond: world.parameters.challengeBondLamports,
    answered: 0,
  });
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);
  await finder.until(async () => {
    const filed = await world.ledger.account(world.addresses.offenceCase(other.address, OFFENCE_KEY));
    return filed !== undefined && (await readCase(world, other.address, OFFENCE_KEY)).executed === 1;
  });
  await finder.until(() => finder.findings().every(({ state }) => state === 'settled'));
  // A tenth of eight SOL, of which a tenth is the finder's; bond and rent of the challenge are back.
  expect((await readCase(world, other.address, OFFENCE_KEY)).slashedLamports).toBe((SOL / 10n) * 8n);
  const gained = (await lamportsOf(world, d.identity.publicKey)) - before;
  expect(gained).toBeGreaterThan((SOL / 100n) * 8n - 3_000_000n);
  for (const { address } of votersOf) expect((await readParticipant(world, address)).openCases).toBe(0);
  expect(finder.findings()).toMatchObject([{ type: 'hiddenReport', state: 'settled', isOurs: true, reason: '' }]);
  expect(finder.sent.toSorted()).toEqual(['accuseSilent', 'ask', 'endChallenge', 'execute']);
  expect(finder.died()).toBe(8);
}, 60_000);

test.each([true, false])(
  'P-49, V-37: who shows its report costs the asker its bond, and nobody is slashed (asker dies at every step: %s)',
  async (isMortal) => {
    const started = await hidden();
    const { world, other, votersOf, worker, d } = started;
    // Another report that contradicts nothing: one credit more.
    const theirs = await keptReport(world, { epoch: 0n, rows: [{ member: worker, credits: 4 }] });
    const { report } = theirs.built;
    await vote(started, report);
    await using finder = await finderIn(started, report, { isMortal });
    await finder.until(() => finder.findings().some(({ state }) => state === 'committed'));
    const [found] = finder.findings();
    if (found?.type !== 'hiddenReport') throw new RangeError('It found a hidden report.');
    const { index } = found.of;
    const before = await lamportsOf(world, d.identity.publicKey);
    const answer = placeAnswer(report, challengedPlace(theirs.kept, { index }));
    const buffer = await writeAnswer(world, other.identity, answer, 0n);
    const held = await lamportsOf(world, other.identity.publicKey);
    await sendAnswer(world, other.identity, { of: theirs.built, index, buffer });
    expect((await lamportsOf(world, other.identity.publicKey)) - held).toBe(world.parameters.challengeBondLamports);
    await finder.until(() => finder.findings().every(({ state }) => state === 'settled'));
    expect(finder.findings()).toMatchObject([{ state: 'settled', isOurs: true, reason: 'answered' }]);
    // The challenge's rent is back, less a fee.
    const rent = await world.ledger.rent(120);
    expect((await lamportsOf(world, d.identity.publicKey)) - before).toBe(rent - 5_000n);
    for (const { address } of [other, ...votersOf]) expect((await readParticipant(world, address)).openCases).toBe(0);
    // It is not asked for again.
    await world.ledger.untilSlot((await world.ledger.slot()) + 40n);
    await finder.look();
    expect(finder.findings()).toHaveLength(1);
  },
  60_000,
);

test('P-49, P-50, V-37: where somebody else has asked for the same place, it accuses in its turn, and the share is theirs', async () => {
  const started = await hidden();
  const { world, other, votersOf, d, honest } = started;
  const secret: Report = { ...honest.built.report, root: namedHash('a root'), claimsRoot: namedHash('another') };
  await vote(started, secret);
  const first = await fundedFinder(world, 'first');
  const of = { epoch: 0n, report: secret };
  for (let index = 0; index < secret.participantCount; index++)
    await sendOpen(world, first, { of, index, voter: other });
  const before = await lamportsOf(world, d.identity.publicKey);
  await using finder = await finderIn(started, secret);
  await finder.until(() => finder.findings().some(({ state }) => state === 'settled'));
  expect(finder.findings()).toMatchObject([{ state: 'settled', isOurs: false, reason: '' }]);
  expect(await readCase(world, other.address, OFFENCE_KEY)).toMatchObject({ finder: first.publicKey });
  for (const { address } of votersOf) expect((await readParticipant(world, address)).openCases).toBe(0);
  // A case's rent and a fee.
  expect(before - (await lamportsOf(world, d.identity.publicKey))).toBe((await world.ledger.rent(176)) + 5_000n);
});

test('V-33, V-37: a bond counts as spent, so that a validator asks for no more than its limit', async () => {
  const started = await hidden();
  const { world, d, honest } = started;
  const secret: Report = { ...honest.built.report, root: namedHash('a root'), claimsRoot: namedHash('another') };
  await vote(started, secret);
  const before = await lamportsOf(world, d.identity.publicKey);
  const limitLamports = world.parameters.challengeBondLamports + 4_999n;
  await using finder = await finderIn(started, secret, { limitLamports });
  await finder.until(() => finder.findings().length > 0);
  for (let looks = 0; looks < 12; looks++) {
    await world.ledger.untilSlot((await world.ledger.slot()) + 4n);
    await finder.look();
  }
  expect(finder.findings()).toMatchObject([{ state: 'found' }]);
  expect(await lamportsOf(world, d.identity.publicKey)).toBe(before);
});
