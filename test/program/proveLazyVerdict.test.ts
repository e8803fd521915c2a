import { eventsInLogs, PROGRAM_ID, rotateIdentity } from '@karmesh/sdk/program';
import {
  FINDING_SLOTS,
  type LazyVerdict,
  lazyVerdict,
  makeDomain,
  OFFENCE,
  plantedOutputHash,
  type Verdict,
} from '@karmesh/sdk/protocol';
import { Transaction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { withAccount, withData } from './bent.ts';
import {
  commit,
  fundedFinder,
  lazyPass,
  PLANTED_SECRET,
  readCase,
  showLazy,
  shownLazy,
  shownTwice,
  showTwice,
} from './evidenceSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, firstSlot, lamportsOf, type Member, readParticipant, startWorld } from './world.ts';

async function startedWorld() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [validator, other] = world.validators as [Member, Member];
  const [worker] = world.workers as [Member];
  return { world, worker, validator, other, finder: await fundedFinder(world) };
}

/** The arguments of one showing, for tests to bend: everything is committed to and waited for. */
async function shownBy(
  { world, finder }: Pick<Awaited<ReturnType<typeof startedWorld>>, 'world' | 'finder'>,
  shown: { readonly lazy: LazyVerdict; readonly signer: Member['identity'] },
) {
  const committed = await commit(world, finder, shown.lazy.evidence);
  return shownLazy(world, { finder, committed, ...shown });
}

test('P-52: a pass of a planted answer makes a case against the validator, in one transaction', async () => {
  const { world, validator, finder } = await startedWorld();
  const before = await lamportsOf(world, finder.publicKey);
  const pass = lazyPass(world, validator);
  const { ran, lazy } = await showLazy(world, finder, { pass, by: validator });
  expect(await readCase(world, validator.address, lazy.offenceKey)).toMatchObject({
    offender: validator.address,
    offenceKey: lazy.offenceKey,
    finder: finder.publicKey,
    harmed: new Uint8Array(32),
    filedEpoch: 0n,
    left: ((1n << 60n) * 4n) / 5n,
    slashedLamports: 0n,
    bps: 2_000,
    kind: OFFENCE.lazyVerdict,
    executed: 0,
  });
  expect((await readParticipant(world, validator.address)).openCases).toBe(1);
  expect(eventsInLogs(ran.logs, PROGRAM_ID)).toEqual([
    {
      name: 'CaseFiled',
      data: {
        offender: validator.address,
        offenceKey: lazy.offenceKey,
        finder: finder.publicKey,
        kind: OFFENCE.lazyVerdict,
        bps: 2_000n,
        epoch: 0n,
      },
    },
  ]);
  // Both fees, that of the signature that was checked, and the rent of the case; the finding's came back.
  expect(before - (await lamportsOf(world, finder.publicKey))).toBe(15_000n + (await world.ledger.rent(176)));
});

test('P-52: the evidence fits a transaction', async () => {
  const { world, validator, finder } = await startedWorld();
  const lazy = lazyVerdict(world.domain, lazyPass(world, validator));
  const committed = { commitment: namedHash('commitment'), salt: namedHash('salt') };
  const transaction = new Transaction().add(
    ...shownLazy(world, { finder, signer: validator.identity, lazy, committed }),
  );
  transaction.recentBlockhash = '11111111111111111111111111111111';
  const payer = transaction.instructions[1]?.keys[0]?.pubkey;
  if (payer === undefined) throw new RangeError('The finder pays.');
  transaction.feePayer = payer;
  // A transaction has at most 1,232 bytes.
  expect(transaction.serialize({ requireAllSignatures: false, verifySignatures: false }).length).toBe(913);
});

test('P-42: one verdict is one offence, and each attempt and entry another', async () => {
  const { world, validator, other, finder } = await startedWorld();
  const by = validator;
  await showLazy(world, finder, { pass: lazyPass(world, by), by });
  // The same verdict over other measurements, which was signed besides.
  const again = lazyPass(world, by, { verdict: { measurementsHash: namedHash('others') } });
  await refused(showLazy(world, finder, { pass: again, by }), 'AlreadyInitialised');
  const others: readonly Partial<Verdict>[] = [{ attempt: 1 }, { entryHash: namedHash('next') }, { epoch: 1n }];
  for (const verdict of others) await showLazy(world, finder, { pass: lazyPass(world, by, { verdict }), by });
  await showLazy(world, finder, { pass: lazyPass(world, other), by: other });
  expect((await readParticipant(world, validator.address)).openCases).toBe(4);
  expect((await readParticipant(world, other.address)).openCases).toBe(1);
});

test('P-42: who also signed the opposite answers for both', async () => {
  const { world, validator, finder } = await startedWorld();
  const pass = lazyPass(world, validator);
  const { lazy } = await showLazy(world, finder, { pass, by: validator });
  const second: Verdict = { ...pass.verdict, verdict: 'fail', rule: 12 };
  const { twice } = await showTwice(world, finder, {
    twice: { name: 'verdict', first: pass.verdict, second },
    by: validator,
  });
  expect(twice.offenceKey).not.toEqual(lazy.offenceKey);
  expect((await readParticipant(world, validator.address)).openCases).toBe(2);
});

test('P-52: a verdict that fails it, and a pass of an answer that was not planted, are no offence', async () => {
  const { world, validator, finder } = await startedWorld();
  const send = (pass: ReturnType<typeof lazyPass>) => showLazy(world, finder, { pass, by: validator });
  await refused(send(lazyPass(world, validator, { verdict: { verdict: 'fail', rule: 12 } })), 'NotAnOffence');
  await refused(send(lazyPass(world, validator, { receipt: { outputHash: namedHash('answer') } })), 'NotAnOffence');
  await refused(send({ ...lazyPass(world, validator), secret: namedHash('another secret') }), 'NotAnOffence');
  // What was planted for another cluster is nothing here.
  const elsewhere = makeDomain({ genesisHash: namedHash('another cluster'), programId: PROGRAM_ID });
  const foreign = plantedOutputHash(elsewhere, PLANTED_SECRET);
  await refused(send(lazyPass(world, validator, { receipt: { outputHash: foreign } })), 'NotAnOffence');
  expect((await readParticipant(world, validator.address)).openCases).toBe(0);
});

test('P-52: the verdict names this receipt, of this cluster', async () => {
  const { world, validator, finder } = await startedWorld();
  const pass = lazyPass(world, validator);
  const other = { ...pass, receipt: { ...pass.receipt, counter: 4n } };
  await refused(showLazy(world, finder, { pass: other, by: validator }), 'BadEvidence');
  const elsewhere = makeDomain({ genesisHash: namedHash('another cluster'), programId: PROGRAM_ID });
  const foreign = lazyVerdict(elsewhere, pass);
  await refused(
    world.ledger.send(await shownBy({ world, finder }, { lazy: foreign, signer: validator.identity }), [finder]),
    'BadEvidence',
  );
});

test('P-52: another offender than the verdict names, another signer, and one of another role, are refused', async () => {
  const { world, worker, validator, other, finder } = await startedWorld();
  const lazy = lazyVerdict(world.domain, lazyPass(world, validator));
  const [checked, prove] = await shownBy({ world, finder }, { lazy, signer: validator.identity });
  const against = (address: Uint8Array) => [
    checked,
    withAccount(withAccount(prove, 2, address), 4, world.addresses.offenceCase(address, lazy.offenceKey)),
  ];
  await refused(world.ledger.send(against(other.address), [finder]), 'BadEvidence');
  await refused(world.ledger.send(against(world.escrow), [finder]), 'BadEvidence');
  // A worker signs verdicts, too, if it likes.
  const ofWorker = lazyVerdict(world.domain, lazyPass(world, worker));
  await refused(
    world.ledger.send(await shownBy({ world, finder }, { lazy: ofWorker, signer: worker.identity }), [finder]),
    'WrongRole',
  );
  const ofNobody = lazyVerdict(world.domain, lazyPass(world, { ...validator, address: world.escrow }));
  await refused(
    world.ledger.send(await shownBy({ world, finder }, { lazy: ofNobody, signer: validator.identity }), [finder]),
    'BadOwner',
  );
  // Anybody can sign a verdict in another's name.
  const forged = shownLazy(world, { finder, signer: other.identity, lazy, committed: await committedTo(lazy) });
  await refused(world.ledger.send(forged, [finder]), 'BadEvidence');
  const elsewhere = withAccount(prove, 4, world.addresses.offenceCase(validator.address, namedHash('other key')));
  await refused(world.ledger.send([checked, elsewhere], [finder]), 'BadPda');
  await refused(world.ledger.send([checked, withAccount(prove, 5, world.addresses.config)], [finder]), 'BadPda');
  await world.ledger.send([checked, prove], [finder]);

  async function committedTo({ evidence }: LazyVerdict) {
    return await commit(world, finder, evidence, 0n);
  }
});

test('P-52: the signature stands in the instruction before, alone, over this verdict', async () => {
  const { world, validator, finder } = await startedWorld();
  const pass = lazyPass(world, validator);
  const lazy = lazyVerdict(world.domain, pass);
  const [checked, prove] = await shownBy({ world, finder }, { lazy, signer: validator.identity });
  const send = (...instructions: (typeof prove)[]) => world.ledger.send(instructions, [finder]);
  await refused(send(prove), 'BadEvidence');
  await refused(send(prove, checked), 'BadEvidence');
  // It checks the true signature of another verdict.
  const another = lazyVerdict(world.domain, lazyPass(world, validator, { verdict: { attempt: 1 } }));
  const committed = await commit(world, finder, lazy.evidence, 0n);
  const [ofAnother] = shownLazy(world, { finder, signer: validator.identity, lazy: another, committed });
  await refused(send(ofAnother, prove), 'BadEvidence');
  // The precompile reads the message from this program's instruction, where nobody reads it with it.
  const away = Uint8Array.from(checked.data);
  away.set([0, 0], 2 + 12);
  await refused(send(withData(checked, away), prove), 'BadEvidence');
  // Two signatures, of which the first is the verdict's.
  const twice = { messages: [lazy.message, another.message] as const };
  const [two] = shownTwice(world, {
    finder,
    signer: validator.identity,
    twice: { ...another, kind: 12, first: another.verdict, second: another.verdict, ...twice },
    committed,
  });
  if (two === undefined) throw new RangeError('Two instructions are expected.');
  await refused(send(two, prove), 'BadEvidence');
  await send(checked, prove);
});

test('P-41: who did not commit to this evidence, or just now, is refused', async () => {
  const { world, validator, finder } = await startedWorld();
  const lazy = lazyVerdict(world.domain, lazyPass(world, validator));
  const signer = validator.identity;
  const committed = await commit(world, finder, lazy.evidence, FINDING_SLOTS - 1n);
  const send = (by: typeof finder, with_: typeof committed) =>
    world.ledger.send(shownLazy(world, { finder: by, signer, lazy, committed: with_ }), [by]);
  await refused(send(finder, committed), 'NotCommitted');
  await refused(send(finder, { ...committed, salt: namedHash('another salt') }), 'NotCommitted');
  // Without the secret, which a thief sees only when it is shown, nothing can be committed to.
  const thief = await fundedFinder(world, 'thief');
  const late = await commit(world, thief, lazy.evidence, 1n);
  await refused(send(thief, late), 'NotCommitted');
  await send(finder, committed);
  await world.ledger.untilSlot((await world.ledger.slot()) + FINDING_SLOTS);
  await refused(send(thief, late), 'AlreadyInitialised');
  expect(await world.ledger.account(world.addresses.finding(finder.publicKey, committed.commitment))).toBeUndefined();
});

test('P-52, A-06: the identity of the verdict’s epoch answers, for as long as stake of that time may be there', async () => {
  const { world, validator, finder } = await startedWorld();
  const { ledger, addresses } = world;
  const next = namedKey('next identity');
  const rotation = { owner: validator.owner.publicKey, newIdentity: next.publicKey, participant: validator.address };
  await ledger.send([rotateIdentity(addresses, rotation)], [validator.owner, next]);
  await ledger.untilSlot(await firstSlot(world, 1n));
  const renewed = { ...validator, identity: next };
  const inEpoch = (epoch: bigint) => lazyPass(world, validator, { verdict: { epoch } });
  await refused(showLazy(world, finder, { pass: inEpoch(0n), by: renewed }), 'BadEvidence');
  await refused(showLazy(world, finder, { pass: inEpoch(1n), by: validator }), 'BadEvidence');
  await showLazy(world, finder, { pass: inEpoch(0n), by: validator });
  await showLazy(world, finder, { pass: inEpoch(1n), by: renewed });
  await ledger.untilSlot(await firstSlot(world, 2n + world.parameters.coolDownEpochs));
  await refused(showLazy(world, finder, { pass: inEpoch(1n), by: renewed }), 'TooLate');
  await showLazy(world, finder, { pass: inEpoch(3n), by: renewed });
});

test('P-52: before the cluster starts there is no verdict to answer for', async () => {
  const world = await buildWorld(liteSvmLedger());
  const [validator] = world.validators as [Member];
  const finder = await fundedFinder(world);
  await refused(showLazy(world, finder, { pass: lazyPass(world, validator), by: validator }), 'NotStarted');
});
