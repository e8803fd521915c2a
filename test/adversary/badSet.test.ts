import { INCINERATOR } from '@karmesh/sdk/program';
import { checkEntry, falseAttestationKey, receiptRecord, signRecord } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import {
  attestedToVerdicts,
  makeReport,
  sendFinalise,
  toFinalised,
  verdictsToFinalised,
} from '../program/epochSteps.ts';
import { fundedFinder, readCase, sendCloseBuffer, sendExecute } from '../program/evidenceSteps.ts';
import { namedKey } from '../program/keys.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import { refused } from '../program/refused.ts';
import {
  attestSet,
  evidenceOf,
  marketOf,
  sendAccuseAttester,
  showSignature,
  signedEntry,
  signedSet,
  withSignature,
} from '../program/signedSet.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readConfig,
  readParticipant,
  SOL,
  startWorld,
} from '../program/world.ts';

// A gateway writes a receipt in the name of a worker that never answered, and three of four validators attest the set all the same.

async function attackedWorld() {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n] });
  await startWorld(world);
  const market = await marketOf(world);
  const honest = await signedEntry(world, market, 0n, 1);
  const [revealed] = honest.evidence.receipts;
  if (revealed === undefined) throw new RangeError('Three workers answered.');
  // A true signature of the same record, by a key that is not the worker's.
  const { signature } = signRecord(
    receiptRecord,
    { domain: world.domain, signer: namedKey('the gateway’s friend') },
    revealed.receipt.value,
  );
  const forged = withSignature(honest, 'receipt', 0, signature);
  return { world, market, honest, forged, finder: await fundedFinder(world) };
}

test('P-48: who attests a set with a forged receipt is slashed, and the epoch is passed over', async () => {
  const { world, market, forged, finder } = await attackedWorld();
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  // An honest validator does not take the entry in the first place.
  expect(checkEntry(market.context, forged)).toMatchObject({ verdict: 'reject', rule: 'E-18' });
  const set = signedSet(world, market, { epoch: 0n, entries: [forged] });
  await attestSet(world, set, [a, b, c]);
  await attestedToVerdicts(world, 0n, [a, b, c]);
  const evidence = evidenceOf(world, { set, entry: forged, record: 'receipt', place: 0 });
  await showSignature(world, finder, { set, evidence });
  await refused(verdictsToFinalised(world, await makeReport(world, { epoch: 0n, earned: new Map() })), 'Faulty');
  await refused(sendFinalise(world, 0n), 'Faulty');
  for (const attester of [a, b, c]) await sendAccuseAttester(world, set, attester);
  await refused(sendAccuseAttester(world, set, d), 'NotAnOffence');

  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await toFinalised(world, await makeReport(world, { epoch, earned: new Map() }));
  expect((await readConfig(world)).lastFinalisedEpoch).toBe(epoch);
  await world.ledger.untilSlot(await firstSlot(world, epoch + 2n));
  const before = await lamportsOf(world, finder.publicKey);
  const offenceKey = falseAttestationKey(0n);
  for (const { address } of [a, b, c]) {
    await sendExecute(world, { offender: address, offenceKey, finder: finder.publicKey });
    // A fifth of 8 SOL, but for rounding.
    expect((await readCase(world, address, offenceKey)).slashedLamports).toBeGreaterThan((SOL / 10n) * 16n - 10n);
    expect((await readParticipant(world, address)).openCases).toBe(0);
  }
  expect((await lamportsOf(world, finder.publicKey)) - before).toBeGreaterThan((SOL / 10n) * 4n);
  expect(await lamportsOf(world, INCINERATOR)).toBeGreaterThan(4n * SOL);
  expect((await readParticipant(world, d.address)).openCases).toBe(0);
});

test('P-48: nobody is framed who attested a true set: not by its records, another’s key or an entry that is not in it', async () => {
  const { world, market, honest, forged, finder } = await attackedWorld();
  expect(checkEntry(market.context, honest)).toMatchObject({ verdict: 'accept' });
  const set = signedSet(world, market, { epoch: 0n, entries: [honest] });
  await attestSet(world, set, world.validators);
  const shown = async (evidence: Uint8Array, error: string) => {
    await refused(showSignature(world, finder, { set, evidence }), error);
    await sendCloseBuffer(world, finder);
  };
  for (const record of ['seal', 'receipt'] as const) {
    for (const place of [0, 1, 2])
      await shown(evidenceOf(world, { set, entry: honest, record, place }), 'NotAnOffence');
  }
  const about = { record: 'receipt', place: 0 } as const;
  const evidence = evidenceOf(world, { set, entry: honest, ...about });
  // The key of another, among the candidates as the finder would have them.
  const identity = market
    .group(0n)
    .candidates.find(({ participant }) =>
      Buffer.from(participant).equals(honest.evidence.receipts[0]?.receipt.value.worker ?? new Uint8Array()),
    )?.identity;
  const at = Buffer.from(evidence).indexOf(Buffer.from(identity ?? []));
  expect(at).toBeGreaterThan(2_000);
  const otherKey = evidence.slice();
  otherKey.set(namedKey('another').publicKey, at);
  await shown(otherKey, 'BadPath');
  const elsewhere = signedSet(world, market, { epoch: 0n, entries: [forged] });
  await shown(evidenceOf(world, { set: elsewhere, entry: forged, ...about }), 'BadPath');
  for (const validator of world.validators) await refused(sendAccuseAttester(world, set, validator), 'BadOwner');
});
