import { eventsInLogs, FAULT, PROGRAM_ID, proveFalseSum } from '@karmesh/sdk/program';
import {
  creditLeaf,
  type FalseSum,
  falseSumEvidence,
  type KarmaVector,
  type ReceiptCredit,
  type ShownNode,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { sendFinalise, settlement, toFinalised, toVerdicts } from './epochSteps.ts';
import { bufferedFault, fundedFinder, readFault, showFault } from './evidenceSteps.ts';
import { tell, voteFor } from './falseReport.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { type Lie, shownTree } from './shownTree.ts';
import { buildWorld, type Member, readEpoch, readVault, startWorld, type WorldOptions } from './world.ts';

const KARMA: KarmaVector = [3n, 4n, 5n, 6n, 7n];

async function startedWorld(options: WorldOptions = {}) {
  const world = await buildWorld(liteSvmLedger(), options);
  await startWorld(world);
  const [worker, other] = world.workers as [Member, Member];
  const [validator] = world.validators as [Member];
  return { world, worker, other, validator, finder: await fundedFinder(world) };
}

/** Six indexes, three of which have a leaf: a tree of height 3. */
async function toldWorld(lies: readonly Lie[], options: WorldOptions & { readonly totals?: bigint } = {}) {
  const started = await startedWorld(options);
  const { world, worker, other, validator } = started;
  const said = [
    { member: worker, karma: KARMA, owed: 8n },
    { member: other, karma: KARMA, owed: 80n },
    { member: validator, karma: KARMA, owed: 800n },
  ];
  const { totals } = options;
  const totalled = totals === undefined ? {} : { report: { totals: [totals, 12n, 15n, 18n, 21n, 888n] as const } };
  const told = await tell(world, { epoch: 0n, said, lies, ...totalled });
  await voteFor(world, told);
  const show = (shown: FalseSum, nonce = 0n) =>
    showFault(world, started.finder, {
      name: 'sum',
      epoch: 0n,
      evidence: falseSumEvidence(told.built.report, shown),
      nonce,
    });
  return { ...started, told, show };
}

const more = (sums: readonly bigint[]) => [...sums.slice(0, 5), (sums[5] ?? 0n) + 1n];

test.each([
  ['the root', 3, 0],
  ['an inner node', 2, 1],
  ['a node above leaves', 1, 2],
  ['a node above a leaf and none', 1, 0],
])('P-45: %s that says more than its children is a fault', async (_, level, index) => {
  const { world, finder, told, show } = await toldWorld([{ level, index, sums: more }]);
  const { logs } = await show(told.tree.chain(level, index));
  const { reportHash, faults, faultSlot } = await readEpoch(world, 0n);
  expect([faults, faultSlot]).toEqual([1, await world.ledger.slot()]);
  const fault = { epoch: 0n, kind: FAULT.sum, finder: finder.publicKey, reportHash };
  expect(await readFault(world, reportHash, FAULT.sum)).toMatchObject(fault);
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'FaultProven', data: fault }]);
  // The epoch does not become final.
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await refused(sendFinalise(world, 0n), 'Faulty');
});

test('P-45: sums that leave 64 bits are false, whatever the node says', async () => {
  const { world, worker, other, finder } = await startedWorld();
  const huge: KarmaVector = [0xffff_ffff_ffff_ffffn, 0n, 0n, 0n, 0n];
  const lies = [1, 2, 3].map((level) => ({
    level,
    index: level === 1 ? 2 : level === 2 ? 1 : 0,
    sums: (sums: readonly bigint[]) => sums.map((sum) => sum & 0xffff_ffff_ffff_ffffn),
  }));
  const said = [
    { member: worker, karma: huge },
    { member: other, karma: [1n, 0n, 0n, 0n, 0n] as const },
  ];
  const told = await tell(world, { epoch: 0n, said, lies });
  await voteFor(world, told);
  const evidence = falseSumEvidence(told.built.report, told.tree.chain(1, 2));
  await showFault(world, finder, { name: 'sum', epoch: 0n, evidence });
});

test('P-45: totals that are not the root’s are a fault', async () => {
  const { told, show } = await toldWorld([], { totals: 10n });
  await show({ nodes: [], turns: [], below: [told.tree.shownRoot] });
});

test('P-45: a true tree has no such node', async () => {
  const { world, told, show } = await toldWorld([]);
  let nonce = 0n;
  for (const [level, width] of [
    [3, 1],
    [2, 2],
    [1, 4],
  ] as const) {
    for (let index = 0; index < width; index++) {
      await refused(show(told.tree.chain(level, index), nonce++), 'NotAnOffence');
    }
  }
  await refused(show({ nodes: [], turns: [], below: [told.tree.shownRoot] }, nonce++), 'NotAnOffence');
  expect((await readEpoch(world, 0n)).faults).toBe(0);
});

test('P-45: nothing passes for what it is not: bent nodes, other turns, other children, leaves as nodes', async () => {
  const { worker, told, show } = await toldWorld([{ level: 1, index: 2, sums: more }]);
  const chain = told.tree.chain(1, 2);
  let nonce = 0n;
  const bad = async (shown: Partial<FalseSum>) => await refused(show({ ...chain, ...shown }, nonce++), 'BadEvidence');
  const [first, second, last] = chain.nodes;
  if (first === undefined || second === undefined || last === undefined) throw new RangeError('There are three nodes.');
  // A node of one's own making, with sums that are not the true ones.
  await bad({ nodes: [{ ...first, sums: more(first.sums) }, second, last] });
  await bad({ nodes: [first, second, { ...last, sums: more(last.sums) }] });
  await bad({ nodes: [{ ...first, left: namedHash('left') }, second, last] });
  // Another way down.
  await bad({ turns: [false, false] });
  await bad({ turns: [true, true] });
  // Children that are not the node's, in another order, or missing.
  const [left, right] = chain.below as [ShownNode, ShownNode];
  await bad({ below: [right, left] });
  await bad({ below: [left, { type: 'absent' }] });
  const leaf = {
    lifetime: { participant: worker.address, karma: KARMA, owed: 9n },
    receiptsRoot: namedHash('receipts'),
  };
  await bad({ below: [{ type: 'lifetime', leaf }, right] });
  // An inner node where a leaf belongs, and a leaf's bytes where an inner node belongs.
  await bad({ below: [{ type: 'inner', node: last }, right] });
  await bad({ nodes: [first, second], turns: [true], below: chain.below });
  // Deeper than the tree is high: what would be a leaf, taken for a node.
  await bad({ nodes: [first, second, last, last], turns: [true, false, false] });
  await bad({ nodes: [], turns: [], below: [{ type: 'inner', node: second }] });
});

test('P-45: what stands behind the evidence is refused, and evidence that ends early', async () => {
  const { world, finder, told } = await toldWorld([{ level: 1, index: 2, sums: more }]);
  const evidence = falseSumEvidence(told.built.report, told.tree.chain(1, 2));
  const show = (bytes: Uint8Array, nonce: bigint) =>
    showFault(world, finder, { name: 'sum', epoch: 0n, evidence: bytes, nonce });
  await refused(show(evidence.subarray(0, -8), 0n), 'BadEvidence');
  await refused(show(Uint8Array.of(...evidence, ...new Uint8Array(16)), 1n), 'BadEvidence');
  await refused(show(Uint8Array.of(...evidence, 1), 2n), 'BadEvidence');
  await refused(show(evidence.with(228, 2), 3n), 'BadEvidence');
  await show(evidence, 4n);
});

const credit = (name: string, owed: bigint): ReceiptCredit => ({
  entryHash: namedHash(`entry ${name}`),
  receiptHash: namedHash(`receipt ${name}`),
  karma: KARMA,
  owed,
});

/** A report in which a worker's credits add up by a tree that may lie. */
async function creditsWorld(lies: readonly Lie[]) {
  const started = await startedWorld();
  const { world, worker, finder } = started;
  const credits = ['a', 'b', 'c'].map((name, i) => credit(name, BigInt(10 ** i)));
  const leaves = credits.map((of) => ({
    ...creditLeaf(world.domain, { epoch: 0n, credit: of }),
    shown: { type: 'credit', credit: of } as const,
  }));
  const tree = shownTree(leaves, lies);
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, owed = 0n] = tree.root.sums;
  const told = await tell(world, {
    epoch: 0n,
    said: [{ member: worker, karma: [a, b, c, d, e], owed, receiptsRoot: tree.root.hash }],
  });
  await voteFor(world, told);
  const index = told.leaves.length - 1;
  const leaf = told.leaves[index];
  if (leaf === undefined) throw new RangeError('The worker has a leaf.');
  const creditsOf = { ...leaf, index, path: told.tree.path(index) };
  const show = (shown: FalseSum, nonce = 0n) =>
    showFault(world, finder, { name: 'sum', epoch: 0n, evidence: falseSumEvidence(told.built.report, shown), nonce });
  return { ...started, tree, creditsOf, show };
}

test('P-45, T-04: credits that do not add up are a fault, at the top and below it', async () => {
  const top = await creditsWorld([{ level: 2, index: 0, sums: more }]);
  await top.show({ creditsOf: top.creditsOf, ...top.tree.chain(2, 0) });
  const below = await creditsWorld([{ level: 1, index: 1, sums: more }]);
  await below.show({ creditsOf: below.creditsOf, ...below.tree.chain(1, 1) });
});

test('P-45, T-04: true credits have no such node, and others’ credits do not count', async () => {
  const { tree, creditsOf, show } = await creditsWorld([]);
  await refused(show({ creditsOf, ...tree.chain(2, 0) }), 'NotAnOffence');
  await refused(show({ creditsOf, ...tree.chain(1, 1) }, 1n), 'NotAnOffence');
  await refused(show({ creditsOf: { ...creditsOf, index: 0 }, ...tree.chain(2, 0) }, 2n), 'BadPath');
  await refused(
    show({ creditsOf: { ...creditsOf, receiptsRoot: namedHash('mine') }, ...tree.chain(2, 0) }, 3n),
    'BadPath',
  );
  await refused(show({ creditsOf, nodes: [], turns: [], below: [tree.shownRoot] }, 4n), 'BadEvidence');
  // A single credit of one's own making.
  const [left] = tree.chain(1, 0).below as [ShownNode];
  await refused(show({ creditsOf, ...tree.chain(1, 0), below: [left, left] }, 5n), 'BadEvidence');
});

test('P-45: shown once, by who committed to it, of a report that is there', async () => {
  const { world, worker, finder } = await startedWorld();
  const told = await tell(world, {
    epoch: 0n,
    said: [{ member: worker, karma: KARMA }],
    lies: [{ level: 3, index: 0, sums: more }],
  });
  const evidence = falseSumEvidence(told.built.report, told.tree.chain(3, 0));
  await toVerdicts(world, 0n);
  await refused(showFault(world, finder, { name: 'sum', epoch: 0n, evidence }), 'BadState');

  const again = await toldWorld([{ level: 3, index: 0, sums: more }]);
  const shown = falseSumEvidence(again.told.built.report, again.told.tree.chain(3, 0));
  const thief = await fundedFinder(again.world, 'thief');
  const options = await bufferedFault(again.world, again.finder, { epoch: 0n, evidence: shown });
  const stolen = proveFalseSum(again.world.addresses, { ...options, finder: thief.publicKey });
  const finding = again.world.addresses.finding(again.finder.publicKey, options.commitment);
  await refused(again.world.ledger.send([withAccount(stolen, 4, finding)], [thief]), 'NotCommitted');
  await again.world.ledger.send([proveFalseSum(again.world.addresses, options)], [again.finder]);
  await refused(showFault(again.world, thief, { name: 'sum', epoch: 0n, evidence: shown }), 'AlreadyInitialised');
  expect((await readEpoch(again.world, 0n)).faults).toBe(1);
});

test('P-45: of a final report within the time for evidence; what its votes would have earned goes back', async () => {
  const { world, worker, finder } = await startedWorld({ parameters: { evidenceEpochs: 2n } });
  const told = await tell(world, {
    epoch: 0n,
    said: [{ member: worker, karma: [0n, 1n, 1n, 0n, 0n] }],
    lies: [{ level: 1, index: 2, sums: more }],
    settlements: [settlement(world, 1_000_000n)],
  });
  await toFinalised(world, told.built);
  expect([(await readEpoch(world, 0n)).voteReward, (await readVault(world)).rewards]).toEqual([100_000n, 100_000n]);
  const evidence = falseSumEvidence(told.built.report, told.tree.chain(1, 2));
  const options = await bufferedFault(world, finder, { epoch: 0n, evidence });
  await world.ledger.send([proveFalseSum(world.addresses, options)], [finder]);
  expect(await readEpoch(world, 0n)).toMatchObject({ state: 6, faults: 1, voteReward: 0n });
  expect((await readVault(world)).rewards).toBe(0n);
});

test('P-45: not of a final report whose time for evidence is over', async () => {
  const { world, worker, finder } = await startedWorld({ parameters: { evidenceEpochs: 1n } });
  const said = [{ member: worker, karma: [0n, 1n, 1n, 0n, 0n] as const }];
  const lies = [{ level: 1, index: 2, sums: more }];
  const told = await tell(world, { epoch: 0n, said, lies, settlements: [settlement(world, 1_000n)] });
  await toFinalised(world, told.built);
  const evidence = falseSumEvidence(told.built.report, told.tree.chain(1, 2));
  const options = await bufferedFault(world, finder, { epoch: 0n, evidence });
  await world.ledger.untilSlot((await world.ledger.slot()) + world.parameters.slotsPerEpoch);
  await refused(world.ledger.send([proveFalseSum(world.addresses, options)], [finder]), 'TooLate');
});
