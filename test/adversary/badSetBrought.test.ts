import { FAULT } from '@karmesh/sdk/program';
import { checkEntry, type Entry, entryHashOf, falseAttestationKey, toHex } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import type { StoredEntry } from '../../validator/src/store/epochRecords.ts';
import { attestedToVerdicts, makeReport, sendAttest, toFinalised } from '../program/epochSteps.ts';
import { readCase } from '../program/evidenceSteps.ts';
import { liteSvmLedger } from '../program/ledger/liteSvmLedger.ts';
import {
  attestSet,
  marketOf,
  readSetFault,
  type SignedSet,
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
  readEpoch,
  readParticipant,
  SOL,
  startWorld,
} from '../program/world.ts';
import { type Disputing, disputing } from './disputing.ts';

// Validators attest a set with a receipt that no worker signed. One who did not attest it finds that out by its own duties, and sees them slashed.

const OFFENCE_KEY = falseAttestationKey(0n);

async function startedWorld() {
  const world = await buildWorld(liteSvmLedger(), { stakes: [8n, 8n, 8n, 8n] });
  await startWorld(world);
  const market = await marketOf(world);
  const honest = await signedEntry(world, market, 0n, 1);
  const forged = withSignature(await signedEntry(world, market, 0n, 2), 'receipt', 1, new Uint8Array(64).fill(3));
  return { world, market, honest, forged };
}
type Started = Awaited<ReturnType<typeof startedWorld>>;

/** A validator that took the honest entry, and asks others for the rest. */
function finderIn(
  { world, market, honest }: Started,
  options: {
    readonly me: Member;
    readonly set: SignedSet;
    readonly served: readonly Entry[];
    readonly accused?: readonly Member[];
    readonly isMortal?: boolean;
  },
): Promise<Disputing> {
  const { set, accused = [], ...rest } = options;
  const judged = checkEntry(market.context, honest);
  if (judged.verdict !== 'accept') throw new RangeError('The honest entry holds.');
  const slotHash = market.slotHash(honest.dispatch.value.slot);
  const held: readonly StoredEntry[] = [{ entryHash: entryHashOf(honest), slotHash, checked: judged.entry }];
  const offences = accused.map(({ address }) => ({ offender: address, offenceKey: OFFENCE_KEY }));
  return disputing({ world, market, manifest: set.body, held, offences, ...rest });
}

async function finaliseALaterEpoch({ world }: Started): Promise<void> {
  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await toFinalised(world, await makeReport(world, { epoch, earned: new Map() }));
}

test('P-48, V-36: who did not attest finds the forged receipt, and all attesters are slashed, though it dies before and after every step', async () => {
  const started = await startedWorld();
  const { world, market, honest, forged } = started;
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const set = signedSet(world, market, { epoch: 0n, entries: [honest, forged] });
  await attestSet(world, set, [a, b, c]);
  await attestedToVerdicts(world, 0n, [a, b, c]);
  const accused = [a, b, c];
  await using finder = await finderIn(started, { me: d, set, served: [forged], accused, isMortal: true });
  const caseOf = ({ address }: Member) => world.ledger.account(world.addresses.offenceCase(address, OFFENCE_KEY));
  await finder.until(async () => (await Promise.all(accused.map(caseOf))).every((filed) => filed !== undefined));
  expect(await readSetFault(world, set)).toMatchObject({ finder: d.identity.publicKey, kind: FAULT.signature });
  expect(await readEpoch(world, 0n)).toMatchObject({ faults: 1 });
  // Only the entry that it did not hold was asked for, once in each life in which the set was gone through.
  expect(new Set(finder.asked)).toEqual(new Set([toHex(entryHashOf(forged))]));
  // The epoch is passed over by another one, and nothing more can come to it.
  await finaliseALaterEpoch(started);
  const before = await lamportsOf(world, d.identity.publicKey);
  await finder.until(async () => {
    const cases = await Promise.all(accused.map(({ address }) => readCase(world, address, OFFENCE_KEY)));
    return cases.every(({ executed }) => executed === 1);
  });
  for (const { address } of accused) {
    // A fifth of 8 SOL, but for rounding.
    expect((await readCase(world, address, OFFENCE_KEY)).slashedLamports).toBeGreaterThan((SOL / 10n) * 16n - 10n);
    expect(await readParticipant(world, address)).toMatchObject({ openCases: 0 });
  }
  expect((await lamportsOf(world, d.identity.publicKey)) - before).toBeGreaterThan((SOL / 10n) * 4n);
  expect(await readParticipant(world, d.address)).toMatchObject({ openCases: 0 });
  expect(finder.findings()).toMatchObject([{ type: 'badSet', state: 'settled', isOurs: true }]);
  // Every step was sent once, and it died twice at each.
  const writes = finder.sent.filter((name) => name === 'write');
  expect(finder.sent).toEqual([
    'commit',
    'openBuffer',
    ...writes,
    'showFault',
    'closeBuffer',
    ...['accuse', 'accuse', 'accuse'],
    ...['execute', 'execute', 'execute'],
  ]);
  expect(writes.length).toBeGreaterThan(2);
  expect(finder.died()).toBe(2 * finder.sent.length);
}, 60_000);

test('P-48, V-36: who attests a bad set alone, so that the epoch cannot be closed anew, is slashed as well', async () => {
  const started = await startedWorld();
  const { world, market, honest, forged } = started;
  const [a, , , d] = world.validators as [Member, Member, Member, Member];
  const set = signedSet(world, market, { epoch: 0n, entries: [honest, forged] });
  await attestSet(world, set, []);
  await using finder = await finderIn(started, { me: d, set, served: [forged], accused: [a] });
  // A set that nobody attested is replaced, and no evidence is taken against it.
  expect(await finder.look()).toEqual([]);
  await sendAttest(world, a, 0n, { manifestHash: set.manifestHash });
  await finder.until(() => finder.findings().some(({ state }) => state === 'shown'));
  await finaliseALaterEpoch(started);
  await finder.until(() => finder.findings().every(({ state }) => state === 'settled'));
  expect(await readCase(world, a.address, OFFENCE_KEY)).toMatchObject({ finder: d.identity.publicKey });
});

test('V-36: of a true set nothing is said, though nobody of those who attested it is trusted; what is not to be had is waited for', async () => {
  const started = await startedWorld();
  const { world, market, honest } = started;
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const other = await signedEntry(world, market, 0n, 3);
  const set = signedSet(world, market, { epoch: 0n, entries: [honest, other] });
  await attestSet(world, set, [a, b, c]);
  const served: Entry[] = [];
  await using finder = await finderIn(started, { me: d, set, served });
  expect(await finder.look()).toEqual(['checkSet']);
  // It is not asked for again in the same slot.
  expect(await finder.look()).toEqual([]);
  served.push(other);
  await world.ledger.untilSlot((await world.ledger.slot()) + 8n);
  expect(await finder.look()).toEqual(['checkSet']);
  expect(finder.asked).toEqual([toHex(entryHashOf(other)), toHex(entryHashOf(other))]);
  await world.ledger.untilSlot((await firstSlot(world, 1n)) + 40n);
  expect(await finder.look()).toEqual([]);
  expect(finder.findings()).toEqual([]);
});

test('V-11, V-36: who attested a set has judged all of it, and does not look again', async () => {
  const started = await startedWorld();
  const { world, market, honest } = started;
  const set = signedSet(world, market, { epoch: 0n, entries: [honest] });
  await attestSet(world, set, world.validators);
  const [, , , d] = world.validators as [Member, Member, Member, Member];
  await using finder = await finderIn(started, { me: d, set, served: [] });
  expect(await finder.look()).toEqual([]);
});
