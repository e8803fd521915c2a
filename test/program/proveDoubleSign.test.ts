import { eventsInLogs, PROGRAM_ID, rotateIdentity } from '@karmesh/sdk/program';
import {
  type Batch,
  type DoubleSign,
  doubleSign,
  FINDING_SLOTS,
  makeDomain,
  OFFENCE,
  type SignedTwice,
  type Ticket,
  type Verdict,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount, withData } from './bent.ts';
import {
  commit,
  commitmentOf,
  fundedFinder,
  readCase,
  receiptOf,
  shownTwice,
  showTwice,
  twoReceipts,
} from './evidenceSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, firstSlot, lamportsOf, type Member, readParticipant, startWorld } from './world.ts';

async function startedWorld() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [worker, other] = world.workers as [Member, Member];
  const [validator] = world.validators as [Member];
  return { world, worker, other, validator, finder: await fundedFinder(world) };
}

/** The arguments of one showing, for tests to bend: everything is committed to and waited for. */
async function shownBy(
  { world, finder }: Pick<Awaited<ReturnType<typeof startedWorld>>, 'world' | 'finder'>,
  shown: { readonly twice: DoubleSign; readonly signer: Member['identity'] },
) {
  const committed = await commit(world, finder, shown.twice.evidence);
  return shownTwice(world, { finder, committed, ...shown });
}

test('P-44, E-34: two receipts with one counter make a case against the worker', async () => {
  const { world, worker, finder } = await startedWorld();
  const before = await lamportsOf(world, finder.publicKey);
  const { ran, twice } = await showTwice(world, finder, { twice: twoReceipts(worker), by: worker });
  expect(await readCase(world, worker.address, twice.offenceKey)).toMatchObject({
    offender: worker.address,
    offenceKey: twice.offenceKey,
    finder: finder.publicKey,
    harmed: new Uint8Array(32),
    filedEpoch: 0n,
    left: 1n << 59n,
    slashedLamports: 0n,
    bps: 5_000,
    kind: OFFENCE.doubleSign,
    executed: 0,
  });
  expect((await readParticipant(world, worker.address)).openCases).toBe(1);
  expect(eventsInLogs(ran.logs, PROGRAM_ID)).toEqual([
    {
      name: 'CaseFiled',
      data: {
        offender: worker.address,
        offenceKey: twice.offenceKey,
        finder: finder.publicKey,
        kind: OFFENCE.doubleSign,
        bps: 5_000n,
        epoch: 0n,
      },
    },
  ]);
  // Both fees, that of the two signatures that were checked, and the rent of the case; the finding's came back.
  expect(before - (await lamportsOf(world, finder.publicKey))).toBe(20_000n + (await world.ledger.rent(176)));
});

test('P-42: one offence is punished once, whatever shows it', async () => {
  const { world, worker, finder } = await startedWorld();
  await showTwice(world, finder, { twice: twoReceipts(worker), by: worker });
  const third: SignedTwice = {
    name: 'receipt',
    first: receiptOf(worker, 'one answer'),
    second: receiptOf(worker, 'a third'),
  };
  await refused(showTwice(world, finder, { twice: third, by: worker }), 'AlreadyInitialised');
  expect((await readParticipant(world, worker.address)).openCases).toBe(1);
  const later = { counter: 4n };
  const another: SignedTwice = {
    name: 'receipt',
    first: receiptOf(worker, 'a', later),
    second: receiptOf(worker, 'b', later),
  };
  await showTwice(world, finder, { twice: another, by: worker });
  expect((await readParticipant(world, worker.address)).openCases).toBe(2);
});

test('P-44, U-08, E-33, F-30: two verdicts, tickets and batches of one key, too', async () => {
  const { world, validator, finder } = await startedWorld();
  const { gateway } = world;
  const verdict: Verdict = {
    epoch: 0n,
    entryHash: namedHash('entry'),
    receiptHash: namedHash('receipt'),
    validator: validator.address,
    attempt: 0,
    verdict: 'pass',
    rule: 0,
    measurementsHash: namedHash('measurements'),
  };
  const ticket: Ticket = {
    requestId: namedHash('request'),
    gateway: gateway.address,
    ticketNumber: 7n,
    lane: 0,
    priceCap: 10n,
    unitPrice: 3n,
    escrow: world.escrow,
    issuedAtMs: 1n,
  };
  const batch: Batch = {
    producer: gateway.address,
    sequence: 5n,
    epoch: 0n,
    merkleRoot: namedHash('merkle'),
    bodyHash: namedHash('body'),
    count: 1,
    issuedAtMs: 2n,
  };
  const offences: readonly { readonly twice: SignedTwice; readonly by: Member }[] = [
    { twice: { name: 'verdict', first: verdict, second: { ...verdict, verdict: 'fail', rule: 20 } }, by: validator },
    { twice: { name: 'ticket', first: ticket, second: { ...ticket, requestId: namedHash('other') } }, by: gateway },
    { twice: { name: 'batch', first: batch, second: { ...batch, bodyHash: namedHash('other') } }, by: gateway },
  ];
  for (const { twice, by } of offences) {
    const { twice: shown } = await showTwice(world, finder, { twice, by });
    expect(await readCase(world, by.address, shown.offenceKey)).toMatchObject({ kind: OFFENCE.doubleSign, bps: 5_000 });
  }
  // Another attempt, number or sequence is another question.
  const honest: readonly { readonly twice: SignedTwice; readonly by: Member }[] = [
    { twice: { name: 'verdict', first: verdict, second: { ...verdict, attempt: 1 } }, by: validator },
    { twice: { name: 'verdict', first: verdict, second: { ...verdict, epoch: 1n } }, by: validator },
    { twice: { name: 'verdict', first: verdict, second: { ...verdict, entryHash: namedHash('next') } }, by: validator },
    { twice: { name: 'ticket', first: ticket, second: { ...ticket, ticketNumber: 8n } }, by: gateway },
    { twice: { name: 'batch', first: batch, second: { ...batch, sequence: 6n } }, by: gateway },
  ];
  for (const signed of honest) await refused(showTwice(world, finder, signed), 'NotAnOffence');
});

test('P-44: one record signed twice, and records of different counters, epochs or workers, are no offence', async () => {
  const { world, worker, other, finder } = await startedWorld();
  const first = receiptOf(worker, 'answer');
  const innocent = (second: typeof first): Promise<unknown> =>
    showTwice(world, finder, { twice: { name: 'receipt', first, second }, by: worker });
  await refused(innocent(first), 'NotAnOffence');
  await refused(innocent({ ...first, counter: 4n, outputHash: namedHash('b') }), 'NotAnOffence');
  await refused(innocent({ ...first, epoch: 1n, outputHash: namedHash('b') }), 'NotAnOffence');
  await refused(innocent({ ...first, worker: other.address }), 'NotAnOffence');
  expect((await readParticipant(world, worker.address)).openCases).toBe(0);
});

test('P-44: what is signed for another cluster or as another kind is refused, and so is what another signed', async () => {
  const { world, worker, other, finder } = await startedWorld();
  const elsewhere = makeDomain({ genesisHash: namedHash('another cluster'), programId: PROGRAM_ID });
  const foreign = doubleSign(elsewhere, twoReceipts(worker));
  const send = async (twice: DoubleSign, signer = worker.identity) =>
    await world.ledger.send(await shownBy({ world, finder }, { twice, signer }), [finder]);
  await refused(send(foreign), 'BadEvidence');
  const ours = doubleSign(world.domain, twoReceipts(worker));
  await refused(
    send({ ...ours, kind: 7, evidence: new Uint8Array([7, ...ours.first, ...ours.second]) }),
    'BadEvidence',
  );
  const asTicket = { ...ours, kind: 2, first: ours.first.slice(0, 129), second: ours.second.slice(0, 129) };
  await refused(
    send({ ...asTicket, evidence: new Uint8Array([2, ...asTicket.first, ...asTicket.second]) }),
    'BadEvidence',
  );
  // Anybody can sign records in another's name.
  await refused(send(ours, other.identity), 'BadEvidence');
  const theirs = { ...doubleSign(world.domain, twoReceipts(worker)), offender: other.address };
  await refused(send(theirs, namedKey('somebody')), 'BadEvidence');
});

test('P-44: another offender than the records name, and one of another role, are refused', async () => {
  const { world, worker, other, validator, finder } = await startedWorld();
  const ours = doubleSign(world.domain, twoReceipts(worker));
  const [checked, prove] = await shownBy({ world, finder }, { twice: ours, signer: worker.identity });
  if (checked === undefined || prove === undefined) throw new RangeError('Two instructions are expected.');
  const against = (address: Uint8Array) => [
    checked,
    withAccount(withAccount(prove, 2, address), 4, world.addresses.offenceCase(address, ours.offenceKey)),
  ];
  await refused(world.ledger.send(against(other.address), [finder]), 'BadEvidence');
  await refused(world.ledger.send(against(validator.address), [finder]), 'WrongRole');
  await refused(world.ledger.send(against(world.escrow), [finder]), 'BadOwner');
  const elsewhere = withAccount(prove, 4, world.addresses.offenceCase(worker.address, namedHash('other key')));
  await refused(world.ledger.send([checked, elsewhere], [finder]), 'BadPda');
  await refused(world.ledger.send([checked, withAccount(prove, 5, world.addresses.config)], [finder]), 'BadPda');
});

test('P-44: the signatures stand in the instruction before, two of them, over these records in this order', async () => {
  const { world, worker, finder } = await startedWorld();
  const ours = doubleSign(world.domain, twoReceipts(worker));
  const [checked, prove] = await shownBy({ world, finder }, { twice: ours, signer: worker.identity });
  if (checked === undefined || prove === undefined) throw new RangeError('Two instructions are expected.');
  const send = (...instructions: (typeof prove)[]) => world.ledger.send(instructions, [finder]);
  await refused(send(prove), 'BadEvidence');
  await refused(send(prove, checked), 'BadEvidence');
  // The offsets of the two signatures change places: the precompile is content, but the messages are not in order.
  const swapped = Uint8Array.from(checked.data);
  swapped.set(checked.data.subarray(16, 30), 2);
  swapped.set(checked.data.subarray(2, 16), 16);
  await refused(send(withData(checked, swapped), prove), 'BadEvidence');
  // Twice the same signature.
  const same = Uint8Array.from(checked.data);
  same.set(checked.data.subarray(2, 16), 16);
  await refused(send(withData(checked, same), prove), 'BadEvidence');
  // One signature alone.
  const one = Uint8Array.from(checked.data);
  one[0] = 1;
  await refused(send(withData(checked, one), prove), 'BadEvidence');
  // The precompile reads the messages from this program's instruction, where nobody reads them with it.
  const away = Uint8Array.from(checked.data);
  away.set([0, 0], 2 + 12);
  await refused(send(withData(checked, away), prove), 'BadEvidence');
  await send(checked, prove);
});

test('P-41: who did not commit, or to something else, or just now, or in another’s name, is refused', async () => {
  const { world, worker, finder } = await startedWorld();
  const twice = doubleSign(world.domain, twoReceipts(worker));
  const signer = worker.identity;
  const committed = await commit(world, finder, twice.evidence, FINDING_SLOTS - 1n);
  const send = (by: typeof finder, with_: typeof committed) =>
    world.ledger.send(shownTwice(world, { finder: by, signer, twice, committed: with_ }), [by]);
  await refused(send(finder, committed), 'NotCommitted');
  await refused(send(finder, { ...committed, salt: namedHash('another salt') }), 'NotCommitted');

  // A thief sees the evidence of a transaction that waits, and commits to it: too young, and not his to take over.
  const thief = await fundedFinder(world, 'thief');
  const late = await commit(world, thief, twice.evidence, 1n);
  await refused(send(thief, late), 'NotCommitted');
  const [checked, prove] = shownTwice(world, { finder: thief, signer, twice, committed: late });
  if (checked === undefined || prove === undefined) throw new RangeError('Two instructions are expected.');
  const stolen = withAccount(prove, 3, world.addresses.finding(finder.publicKey, committed.commitment));
  await refused(world.ledger.send([checked, stolen], [thief]), 'NotCommitted');

  await send(finder, committed);
  await world.ledger.untilSlot((await world.ledger.slot()) + FINDING_SLOTS);
  await refused(send(thief, late), 'AlreadyInitialised');
  // What was used is gone.
  expect(await world.ledger.account(world.addresses.finding(finder.publicKey, committed.commitment))).toBeUndefined();
});

test('P-41: what was committed to is this evidence, not other of the same offence', async () => {
  const { world, worker, finder } = await startedWorld();
  const twice = doubleSign(world.domain, twoReceipts(worker));
  const committed = await commit(world, finder, namedHash('nothing yet'));
  await refused(
    world.ledger.send(shownTwice(world, { finder, signer: worker.identity, twice, committed }), [finder]),
    'NotCommitted',
  );
  expect(committed).toEqual(commitmentOf(world, finder, namedHash('nothing yet')));
});

test('P-44, A-06: the identity of the record’s epoch answers, and for tickets the one before it for a while', async () => {
  const { world, worker, finder } = await startedWorld();
  const { gateway, ledger, addresses } = world;
  const next = namedKey('next identity');
  for (const { owner, address } of [worker, gateway]) {
    const rotation = { owner: owner.publicKey, newIdentity: next.publicKey, participant: address };
    await ledger.send([rotateIdentity(addresses, rotation)], [owner, next]);
  }
  await ledger.untilSlot(await firstSlot(world, 1n));
  const renewed = { ...worker, identity: next };
  const inEpoch = (epoch: bigint): SignedTwice => ({
    name: 'receipt',
    first: receiptOf(worker, 'a', { epoch }),
    second: receiptOf(worker, 'b', { epoch }),
  });
  await refused(showTwice(world, finder, { twice: inEpoch(0n), by: renewed }), 'BadEvidence');
  await refused(showTwice(world, finder, { twice: inEpoch(1n), by: worker }), 'BadEvidence');
  await showTwice(world, finder, { twice: inEpoch(0n), by: worker });
  await showTwice(world, finder, { twice: inEpoch(1n), by: renewed });

  const ticket: Ticket = {
    requestId: namedHash('request'),
    gateway: gateway.address,
    ticketNumber: 7n,
    lane: 0,
    priceCap: 10n,
    unitPrice: 3n,
    escrow: world.escrow,
    issuedAtMs: 1n,
  };
  const tickets = (ticketNumber: bigint): SignedTwice => ({
    name: 'ticket',
    first: { ...ticket, ticketNumber },
    second: { ...ticket, ticketNumber, issuedAtMs: 2n },
  });
  await showTwice(world, finder, { twice: tickets(1n), by: gateway });
  await showTwice(world, finder, { twice: tickets(2n), by: { ...gateway, identity: next } });
  // Stake of that time is gone, and old keys get lost.
  await ledger.untilSlot(await firstSlot(world, 2n + world.parameters.coolDownEpochs));
  await refused(showTwice(world, finder, { twice: tickets(3n), by: gateway }), 'BadEvidence');
  await refused(showTwice(world, finder, { twice: inEpoch(1n), by: renewed }), 'TooLate');
});
