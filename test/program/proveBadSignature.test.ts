import { eventsInLogs, FAULT, PROGRAM_ID, proveBadSignature, VOTE_FLAG } from '@karmesh/sdk/program';
import {
  type Entry,
  falseAttestationKey,
  falseVoteKey,
  OFFENCE,
  receiptRecord,
  refusalRecord,
  signRecord,
} from '@karmesh/sdk/protocol';
import { nativeVerifySignature } from '@karmesh/sdk/runtime';
import { describe, expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import {
  attestedToVerdicts,
  makeReport,
  sealOf,
  sendCloseVote,
  sendFinalise,
  sendSeal,
  settlement,
  toClosed,
  verdictsToFinalised,
} from './epochSteps.ts';
import { buffered, commit, fundedFinder, readCase, sendCloseBuffer, sendExecute } from './evidenceSteps.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { holds, oddSignatures } from './oddSignatures.ts';
import { refused } from './refused.ts';
import {
  attestSet,
  evidenceOf,
  marketOf,
  readSetFault,
  type SignedSet,
  sendAccuseAttester,
  showSignature,
  signedEntry,
  signedSet,
  withSignature,
} from './signedSet.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readEpoch,
  readParticipant,
  readVault,
  readVote,
  SOL,
  startWorld,
  type WorldOptions,
} from './world.ts';

const FORGED = new Uint8Array(64).fill(3);

/** A world with a set of two entries, in the second of which a receipt is not signed by its worker. Nobody has closed its epoch yet. */
async function forgedWorld(options: WorldOptions = {}) {
  const world = await buildWorld(liteSvmLedger(), options);
  await startWorld(world);
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  const market = await marketOf(world);
  const honest = await signedEntry(world, market, 0n, 1);
  const entry = withSignature(await signedEntry(world, market, 0n, 2), 'receipt', 1, FORGED);
  const set = signedSet(world, market, { epoch: 0n, entries: [honest, entry] });
  const evidence = evidenceOf(world, { set, entry, record: 'receipt', place: 1 });
  const finder = await fundedFinder(world);
  const show = () => showSignature(world, finder, { set, evidence });
  return { world, a, b, c, d, market, honest, entry, set, evidence, finder, show };
}

test('P-48: a receipt that its worker did not sign makes a fault of a set that somebody attested', async () => {
  const { world, a, set, finder, show } = await forgedWorld();
  await attestSet(world, set, [a]);
  const { logs } = await show();
  const fault = await readSetFault(world, set);
  expect(fault).toMatchObject({
    epoch: 0n,
    finder: finder.publicKey,
    reportHash: set.manifestHash,
    kind: FAULT.signature,
  });
  expect(await readEpoch(world, 0n)).toMatchObject({ faults: 1, faultSlot: fault.slot, voteReward: 0n });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    {
      name: 'FaultProven',
      data: { epoch: 0n, kind: FAULT.signature, finder: finder.publicKey, reportHash: set.manifestHash },
    },
  ]);
});

test('P-48: who attested is accused, once; who voted without attesting is not', async () => {
  const { world, a, b, c, d, set, finder, show } = await forgedWorld();
  await attestSet(world, set, [a, b, c]);
  await refused(sendAccuseAttester(world, set, a), 'BadOwner');
  await attestedToVerdicts(world, 0n, [a, b, c]);
  const { report } = await makeReport(world, { epoch: 0n, earned: new Map() });
  await sendSeal(world, d, 0n, sealOf(world, d, { epoch: 0n, report }));
  await show();
  for (const one of [a, b, c]) await sendAccuseAttester(world, set, one);
  const offenceKey = falseAttestationKey(0n);
  // What it voted for in the same epoch is another question.
  expect(offenceKey).not.toEqual(falseVoteKey(0n));
  expect(await readCase(world, a.address, offenceKey)).toMatchObject({
    finder: finder.publicKey,
    kind: OFFENCE.falseVote,
    bps: 2_000,
  });
  expect((await readVote(world, 0n, a)).flags & VOTE_FLAG.accused).toBe(VOTE_FLAG.accused);
  await refused(sendAccuseAttester(world, set, a), 'AlreadyInitialised');
  await refused(sendAccuseAttester(world, set, d), 'NotAnOffence');
  expect((await readParticipant(world, d.address)).openCases).toBe(0);
});

test('P-48: a seal, a receipt and a refusal alike, in entries of this epoch and the one before', async () => {
  const { world, a, market, finder } = await forgedWorld();
  const base = await signedEntry(world, market, 0n, 3);
  const worker = market.workers.find(({ address }) =>
    base.evidence.receipts.every(({ receipt }) => !Buffer.from(receipt.value.worker).equals(address)),
  );
  if (worker === undefined) throw new RangeError('Five workers are there, of whom three were drawn.');
  const { dispatchHash } = base.outcome.value;
  const refusal = { dispatchHash, worker: worker.address, reason: 'queue-full', refusedAtMs: 1n } as const;
  const signed = signRecord(refusalRecord, { domain: world.domain, signer: worker.keypair }, refusal);
  const entry: Entry = {
    ...withSignature(withSignature(base, 'seal', 2, FORGED), 'receipt', 0, FORGED),
    evidence: {
      ...withSignature(withSignature(base, 'seal', 2, FORGED), 'receipt', 0, FORGED).evidence,
      refusals: [signed, { ...signed, signature: FORGED }],
    },
  };
  const set = signedSet(world, market, { epoch: 1n, entryEpoch: 0n, entries: [base, entry] });
  await attestSet(world, set, [a]);
  const bad = { seal: [2], receipt: [0], refusal: [1] } as const;
  let isFirst = true;
  for (const record of ['seal', 'receipt', 'refusal'] as const) {
    for (let place = 0; place < (record === 'refusal' ? 2 : 3); place++) {
      const evidence = evidenceOf(world, { set, entry, entryEpoch: 0n, record, place });
      const shown = showSignature(world, finder, { set, evidence });
      const isBad = (bad[record] as readonly number[]).includes(place);
      if (isBad && isFirst) await shown;
      else await refused(shown, isBad ? 'AlreadyInitialised' : 'NotAnOffence');
      if (isBad) isFirst = false;
      await sendCloseBuffer(world, finder);
    }
  }
});

describe('F-05', () => {
  test('the check that validators run says of odd keys and signatures what the SDK’s says', () => {
    const message = namedHash('message');
    const odd = oddSignatures();
    const said = odd.map((one) => ({ message, signature: one.sign(message), identity: one.key }));
    expect(said.map(nativeVerifySignature)).toEqual(odd.map((one) => holds(one, message)));
  });

  test('P-48: a signature is bad where the SDK’s check says so, and nowhere else', { timeout: 120_000 }, async () => {
    const { world, a, market, finder, entry } = await forgedWorld();
    const base = await signedEntry(world, market, 0n, 3);
    const [revealed, ...others] = base.evidence.receipts;
    if (revealed === undefined) throw new RangeError('Three workers answered.');
    const odd = oddSignatures().map((one, i) => {
      const participant = namedHash(`odd worker ${i}`);
      const value = { ...revealed.receipt.value, worker: participant };
      const message = receiptRecord.hash(world.domain, value);
      const receipt = { value, signature: one.sign(message) };
      const of = { ...base, evidence: { ...base.evidence, receipts: [{ ...revealed, receipt }, ...others] } };
      const candidate = { participant, index: 100 + i, identity: one.key, weight: 1n };
      return { name: one.name, holds: holds(one, message), entry: of, candidate };
    });
    const entries = [...odd.map((one) => one.entry), entry];
    const set = signedSet(world, market, { epoch: 0n, entries, candidates: odd.map(({ candidate }) => candidate) });
    await attestSet(world, set, [a]);
    // The fault is there once; from then on what is bad is bad a second time.
    await showSignature(world, finder, {
      set,
      evidence: evidenceOf(world, { set, entry, record: 'receipt', place: 1 }),
    });
    await sendCloseBuffer(world, finder);
    const said: Record<string, unknown> = {};
    for (const { name, entry: of } of odd) {
      const evidence = evidenceOf(world, { set, entry: of, record: 'receipt', place: 0 });
      said[name] = await showSignature(world, finder, { set, evidence }).catch(({ facts }) => facts.name);
      await sendCloseBuffer(world, finder);
    }
    expect(said).toEqual(
      Object.fromEntries(odd.map((one) => [one.name, one.holds ? 'NotAnOffence' : 'AlreadyInitialised'])),
    );
    const held = odd.filter((one) => one.holds).map(({ name }) => name);
    expect(held.filter((name) => /small order/.test(name)).length).toBeGreaterThan(10);
    expect(odd.length - held.length).toBeGreaterThan(50);
  });
});

test('P-48: the longest entry, among thousands of candidates, stays far below an instruction’s 200,000 compute units', async () => {
  const { world, a, market, finder } = await forgedWorld();
  const base = await signedEntry(world, market, 0n, 3);
  const { seals, receipts } = base.evidence;
  const [seal, receipt] = [seals[0], receipts[0]];
  if (seal === undefined || receipt === undefined) throw new RangeError('Three workers answered.');
  const { dispatchHash, worker } = receipt.receipt.value;
  const refusal = { dispatchHash, worker, reason: 'paused', refusedAtMs: 1n } as const;
  const timeout = { dispatchHash, worker, cause: 'no-seal', recordedAtMs: 1n } as const;
  const eight = <T>(one: T): T[] => Array.from({ length: 8 }, () => one);
  const entry: Entry = {
    ...base,
    evidence: {
      seals: eight(seal),
      receipts: eight(receipt),
      refusals: eight({ value: refusal, signature: FORGED }),
      timeouts: eight({ value: timeout, signature: FORGED }),
    },
  };
  const candidates = Array.from({ length: 5_000 }, (_, i) => ({
    participant: namedHash(`worker ${i}`),
    index: 100 + i,
    identity: namedHash(`identity ${i}`),
    weight: 1n,
  }));
  const set = signedSet(world, market, { epoch: 0n, entries: [entry], candidates });
  await attestSet(world, set, [a]);
  const evidence = evidenceOf(world, { set, entry, record: 'refusal', place: 7 });
  expect(evidence.length).toBe(8_249);
  const { computeUnits } = await showSignature(world, finder, { set, evidence });
  expect(computeUnits).toBeLessThan(70_000n);
});

test('P-48: a set that nobody attested is replaced, and no fault', async () => {
  const { world, set, show } = await forgedWorld();
  await attestSet(world, set, []);
  await refused(show(), 'BadState');
});

test('P-20, P-48: an epoch with such a set does not become final', async () => {
  const { world, a, b, c, d, set, show } = await forgedWorld();
  const all = [a, b, c, d];
  await attestSet(world, set, all);
  await attestedToVerdicts(world, 0n, all);
  await show();
  const built = await makeReport(world, { epoch: 0n, earned: new Map() });
  await refused(verdictsToFinalised(world, built), 'Faulty');
  await refused(sendFinalise(world, 0n), 'Faulty');
});

test('P-48: of a final epoch what was set aside for votes goes back, as long as evidence is taken', async () => {
  const parameters = { evidenceEpochs: 2n, coolDownEpochs: 6n };
  const { world, a, b, c, d, set, evidence, finder } = await forgedWorld({ parameters });
  const all = [a, b, c, d];
  await attestSet(world, set, all);
  await attestedToVerdicts(world, 0n, all);
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, 1_000n)] });
  await verdictsToFinalised(world, built);
  expect(await readVault(world)).toMatchObject({ rewards: 100n });
  const options = { ...(await buffered(world, finder, evidence)), epoch: 0n, manifestHash: set.manifestHash };
  await world.ledger.send([proveBadSignature(world.addresses, options)], [finder]);
  expect(await readVault(world)).toMatchObject({ rewards: 0n });
  expect(await readEpoch(world, 0n)).toMatchObject({ faults: 1, voteReward: 0n });
  await sendAccuseAttester(world, set, a);
  await refused(sendCloseVote(world, a, 0n), 'TooEarly');
});

test('P-48: once the votes of a final epoch may be closed it is too late', async () => {
  const { world, a, b, c, d, set, show } = await forgedWorld();
  const all = [a, b, c, d];
  await attestSet(world, set, all);
  await attestedToVerdicts(world, 0n, all);
  await verdictsToFinalised(world, await makeReport(world, { epoch: 0n, earned: new Map() }));
  await refused(show(), 'TooLate');
});

describe('what does not fit together', () => {
  /** Shows bytes of its own making. */
  async function bendable() {
    const forged = await forgedWorld();
    const { world, a, set, finder } = forged;
    await attestSet(world, set, [a]);
    const shown = async (evidence: Uint8Array, name: string, of: SignedSet = set) => {
      await refused(showSignature(world, finder, { set: of, evidence }), name);
      await sendCloseBuffer(world, finder);
    };
    return { ...forged, shown };
  }
  /** Where things stand in the evidence: the entry behind two bytes, with three seals and three receipts. */
  const ENTRY = 2;
  const SEALS = ENTRY + 193 + 217;
  const RECEIPTS = SEALS + 4 + 3 * (168 + 8);
  const OUTCOME = RECEIPTS + 4 + 3 * (216 + 209) + 8;
  const PLACE = OUTCOME + 177;
  const bent = (evidence: Uint8Array, at: number, value?: number): Uint8Array => {
    const copy = evidence.slice();
    copy[at] = value ?? (copy[at] ?? 0) ^ 1;
    return copy;
  };

  test('P-48: an entry that is another, or stands elsewhere, is not in the set', async () => {
    const { evidence, shown } = await bendable();
    // One bit of the ticket, the dispatch, the receipt, its signature, the outcome.
    for (const at of [ENTRY, ENTRY + 193 + 100, RECEIPTS + 4 + 425, RECEIPTS + 4 + 425 + 152, OUTCOME]) {
      await shown(bent(evidence, at), 'BadPath');
    }
    // Its index, its price, a sibling.
    for (const at of [PLACE, PLACE + 4, PLACE + 16]) await shown(bent(evidence, at), 'BadPath');
    await shown(bent(evidence, PLACE, 2), 'BadPath');
    // A path of another height.
    await shown(bent(evidence, PLACE + 12, 0), 'BadPath');
  });

  test('P-48: the key is that of the set’s candidates', async () => {
    const { evidence, shown } = await bendable();
    const candidate = PLACE + 16 + 40;
    // Their number, the place, the index, the identity, the weight, a sibling; the group's place and a sibling of it.
    const group = candidate + 4 + 4 + 4 + 32 + 8 + 4 + 3 * 40;
    for (const at of [
      candidate,
      candidate + 4,
      candidate + 8,
      candidate + 12,
      candidate + 44,
      candidate + 56,
      group,
      group + 12,
    ]) {
      await shown(bent(evidence, at), 'BadPath');
    }
  });

  test('P-48: an honest entry is not bad by the candidates of another model or another epoch', async () => {
    const { world, a, market, entry, finder } = await bendable();
    // The dispatch decides which candidates count: evidence built for the group of another model leads nowhere.
    const other = {
      ...entry,
      dispatch: { ...entry.dispatch, value: { ...entry.dispatch.value, modelId: namedHash('another model') } },
    };
    const set = signedSet(world, market, { epoch: 1n, entryEpoch: 0n, entries: [entry, other] });
    await attestSet(world, set, [a]);
    const evidence = evidenceOf(world, { set, entry: other, entryEpoch: 0n, record: 'receipt', place: 1 });
    const swapped = evidenceOf(world, { set, entry, entryEpoch: 0n, record: 'receipt', place: 1 });
    // The entry of the first with the candidates of the second.
    const mixed = new Uint8Array([...swapped.subarray(0, PLACE + 56), ...evidence.subarray(PLACE + 56)]);
    await refused(showSignature(world, finder, { set, evidence: mixed }), 'BadPath');
    await sendCloseBuffer(world, finder);
    const late = signedSet(world, market, { epoch: 2n, entryEpoch: 1n, entries: [entry] });
    await attestSet(world, late, [a]);
    const ofLate = evidenceOf(world, { set: late, entry, entryEpoch: 1n, record: 'receipt', place: 1 });
    await refused(showSignature(world, finder, { set: late, evidence: ofLate }), 'BadPath');
  });

  test('P-48: what is no entry, names no record or goes on behind its end is no evidence', async () => {
    const { world, evidence, shown } = await bendable();
    // A record's kind that workers do not sign, and places that are not there.
    for (const kind of [0, 2, 8]) await shown(bent(evidence, 0, kind), 'BadEvidence');
    await shown(bent(evidence, 0, 7), 'BadEvidence');
    await shown(bent(evidence, 1, 3), 'BadEvidence');
    // More records than workers are drawn.
    await shown(bent(evidence, SEALS, 9), 'BadEvidence');
    await shown(bent(evidence, RECEIPTS + 3, 255), 'BadEvidence');
    for (const length of [0, 1, 100, SEALS + 2, PLACE + 3, evidence.length - 9]) {
      await shown(evidence.subarray(0, length), 'BadEvidence');
    }
    const longer = new Uint8Array(evidence.length + 8);
    longer.set(evidence);
    await shown(longer, 'BadEvidence');
    await shown(new Uint8Array([...evidence, 1]), 'BadEvidence');
    // A slot from before the cluster began.
    const early = evidence.slice();
    early.fill(0, ENTRY + 193 + 40, ENTRY + 193 + 48);
    await shown(early, 'BadEvidence');
    expect((await readEpoch(world, 0n)).faults).toBe(0);
  });

  test('P-41, P-48: another epoch’s account, another fault’s address and evidence without a finding are refused', async () => {
    const { world, evidence, set, finder } = await bendable();
    const options = { ...(await buffered(world, finder, evidence)), epoch: 0n, manifestHash: set.manifestHash };
    const instruction = proveBadSignature(world.addresses, options);
    const send = (one: typeof instruction) => world.ledger.send([one], [finder]);
    await toClosed(world, 1n);
    await refused(send(withAccount(instruction, 2, world.addresses.epoch(1n))), 'WrongEpoch');
    await refused(send(withAccount(instruction, 6, world.addresses.fault(set.manifestHash, FAULT.sum))), 'BadPda');
    await refused(send(withAccount(instruction, 5, world.addresses.config)), 'BadOwner');
    const young = await commit(world, await fundedFinder(world, 'thief'), namedHash('nothing'), 0n);
    await refused(send(proveBadSignature(world.addresses, { ...options, salt: namedHash('another') })), 'NotCommitted');
    await refused(
      send(withAccount(instruction, 4, world.addresses.finding(namedHash('thief'), young.commitment))),
      'BadOwner',
    );
    await send(instruction);
    // One fault is one fault.
    await refused(world.ledger.send([proveBadSignature(world.addresses, options)], [finder]), 'BadOwner');
  });
});

test('P-43, P-48: who attests a bad set alone, and so stops the epoch, pays for it', async () => {
  const { world, a, b, set, finder, show } = await forgedWorld();
  await attestSet(world, set, [a]);
  // What is attested is not replaced, and nobody honest attests it.
  await refused(toClosed(world, 0n), 'BadState');
  await show();
  await sendAccuseAttester(world, set, a);
  const before = await lamportsOf(world, finder.publicKey);
  const now = (await readCase(world, a.address, falseAttestationKey(0n))).filedEpoch;
  await world.ledger.untilSlot(await firstSlot(world, now + 1n));
  await sendExecute(world, { offender: a.address, offenceKey: falseAttestationKey(0n), finder: finder.publicKey });
  // A fifth of 2 SOL, and a tenth of that to the finder.
  expect((await lamportsOf(world, finder.publicKey)) - before).toBe(SOL / 25n);
  expect((await readParticipant(world, b.address)).openCases).toBe(0);
});
