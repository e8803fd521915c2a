import { closeFinding, FAULT } from '@karmesh/sdk/program';
import {
  creditLeaf,
  falseClaimsLeafEvidence,
  falseLifetimeEvidence,
  falseSumEvidence,
  falseVoteKey,
  type KarmaVector,
} from '@karmesh/sdk/protocol';
import { expect } from 'vitest';
import {
  commit,
  fundedFinder,
  lazyPass,
  readCase,
  sendAccuse,
  sendCloseBuffer,
  sendExecute,
  showFault,
  showLazy,
  showTwice,
  twoReceipts,
} from './evidenceSteps.ts';
import { tell, voteFor } from './falseReport.ts';
import { namedHash } from './keys.ts';
import type { Ledger } from './ledger/ledger.ts';
import { shownLeaf } from './shownTree.ts';
import {
  attestSet,
  evidenceOf,
  marketOf,
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
  type Member,
  readConfig,
  readEpoch,
  readParticipant,
  SOL,
  startWorld,
  type World,
} from './world.ts';

const KARMA: KarmaVector = [1n, 2n, 3n, 4n, 5n];

/** From two receipts with one counter to a slash, a planted answer that was passed, from a report that is false in every way to slashed voters, and from a forged receipt in a set to who attested it, on any ledger. */
export async function wholeCase(ledger: Ledger): Promise<void> {
  const world = await buildWorld(ledger);
  const { addresses } = world;
  await startWorld(world);
  const [worker, other] = world.workers as [Member, Member];
  const [a, b] = world.validators as [Member, Member];
  const finder = await fundedFinder(world);
  const { commitment } = await commit(world, finder, namedHash('nothing'), 0n);
  await ledger.send([closeFinding(addresses, { finder: finder.publicKey, commitment })], [finder]);

  const { twice } = await showTwice(world, finder, { twice: twoReceipts(worker), by: worker });
  const execute = { offender: worker.address, offenceKey: twice.offenceKey, finder: finder.publicKey };

  const credit = { entryHash: namedHash('entry'), receiptHash: namedHash('receipt'), karma: KARMA, owed: 0n };
  await showLazy(world, finder, { pass: lazyPass(world, b), by: b });

  const told = await tell(world, {
    epoch: 0n,
    said: [
      { member: worker, karma: KARMA, owed: 1n, receiptsRoot: creditLeaf(world.domain, { epoch: 0n, credit }).hash },
      { member: other, karma: KARMA },
    ],
    lies: [{ level: 1, index: 0, sums: (sums) => sums.map((sum) => sum + 1n) }],
    claimed: new Map([[5, namedHash('claimed')]]),
  });
  await voteFor(world, told);
  const [index, mine, theirs] = [4, told.leaves[4], told.leaves[5]];
  if (mine === undefined || theirs === undefined) throw new RangeError('Both workers have leaves.');
  const evidence = {
    sum: falseSumEvidence(told.built.report, told.tree.chain(1, 0)),
    lifetime: falseLifetimeEvidence(told.built.report, {
      index,
      now: { leaf: mine, path: told.tree.path(index) },
      credits: { type: 'credit', credit },
    }),
    claims: falseClaimsLeafEvidence(told.built.report, {
      index: 5,
      claimed: { leaf: namedHash('claimed'), path: told.built.trees.claims.path(5) },
      lifetime: { leaf: shownLeaf(world, 0n, theirs), path: told.tree.path(5) },
    }),
  };
  for (const [nonce, name] of (['sum', 'lifetime', 'claims'] as const).entries()) {
    await showFault(world, finder, { name, epoch: 0n, evidence: evidence[name], nonce: BigInt(nonce) });
    await sendCloseBuffer(world, finder, BigInt(nonce));
  }
  expect((await readEpoch(world, 0n)).faults).toBe(3);
  for (const [i, validator] of [a, b].entries()) {
    await sendAccuse(world, { epoch: 0n, fault: i === 0 ? FAULT.sum : FAULT.claims, validator });
  }
  const { epochZeroSlot } = await readConfig(world);
  const now = ((await ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  await ledger.untilSlot(await firstSlot(world, now + 1n));
  await sendExecute(world, execute);
  for (const { address } of [a, b])
    await sendExecute(world, { ...execute, offender: address, offenceKey: falseVoteKey(0n) });
  expect((await readCase(world, worker.address, twice.offenceKey)).slashedLamports).toBe(SOL / 2n);
  expect((await readParticipant(world, a.address)).openCases).toBe(0);
  // The other case against it waits.
  expect((await readParticipant(world, b.address)).openCases).toBe(1);

  const { set, evidence: forged } = await forgedSet(world);
  await attestSet(world, set, [a]);
  await showSignature(world, finder, { set, evidence: forged, nonce: 3n });
  await sendAccuseAttester(world, set, a);
  expect((await readParticipant(world, a.address)).openCases).toBe(1);
}

/** A set of the current epoch with a receipt that its worker did not sign. */
async function forgedSet(world: World): Promise<{ readonly set: SignedSet; readonly evidence: Uint8Array }> {
  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  const market = await marketOf(world);
  const entry = withSignature(await signedEntry(world, market, epoch, 1), 'receipt', 0, new Uint8Array(64).fill(3));
  const set = signedSet(world, market, { epoch, entries: [entry] });
  return { set, evidence: evidenceOf(world, { set, entry, record: 'receipt', place: 0 }) };
}
