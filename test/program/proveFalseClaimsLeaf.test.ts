import { FAULT } from '@karmesh/sdk/program';
import {
  falseClaimsLeafEvidence,
  type Hash,
  type KarmaVector,
  type ShownClaim,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { fundedFinder, readFault, showFault } from './evidenceSteps.ts';
import { tell, voteFor } from './falseReport.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { shownLeaf } from './shownTree.ts';
import { buildWorld, type Member, readEpoch, startWorld } from './world.ts';

const KARMA: KarmaVector = [1n, 2n, 3n, 4n, 5n];
const WORKER = 4;

/** A report over the first worker alone whose claims tree has `claimed` at some indexes. */
async function claimedWorld(claimed: ReadonlyMap<number, Hash>) {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [worker] = world.workers as [Member];
  const told = await tell(world, { epoch: 0n, said: [{ member: worker, karma: KARMA }], claimed });
  await voteFor(world, told);
  const finder = await fundedFinder(world);
  const lifetimeAt = (index: number) => {
    const leaf = told.leaves[index];
    const node =
      leaf === undefined ? { hash: ZERO_HASH, sums: KARMA.map(() => 0n).concat(0n) } : shownLeaf(world, 0n, leaf);
    return { leaf: node, path: told.tree.path(index) };
  };
  const show = (index: number, bent: Partial<ShownClaim> = {}, nonce = 0n) => {
    const lifetime = lifetimeAt(index);
    const leaf = claimed.get(index) ?? lifetime.leaf.hash;
    const shown = { index, claimed: { leaf, path: told.built.trees.claims.path(index) }, lifetime, ...bent };
    return showFault(world, finder, {
      name: 'claims',
      epoch: 0n,
      evidence: falseClaimsLeafEvidence(told.built.report, shown),
      nonce,
    });
  };
  return { world, told, finder, lifetimeAt, show };
}

test('P-46, T-06: another leaf in the claims tree is a fault, and so is one where the lifetime tree has none', async () => {
  const another = await claimedWorld(new Map([[WORKER, namedHash('a leaf that claims more')]]));
  await another.show(WORKER);
  expect(await readFault(another.world, (await readEpoch(another.world, 0n)).reportHash, FAULT.claims)).toMatchObject({
    finder: another.finder.publicKey,
  });
  const added = await claimedWorld(new Map([[2, namedHash('a leaf that nobody earned')]]));
  await refused(added.show(WORKER, {}, 1n), 'NotAnOffence');
  await refused(added.show(1, {}, 2n), 'NotAnOffence');
  await added.show(2);
});

test('P-46: equal trees have no such leaf, and nothing passes for what it is not', async () => {
  const { told, lifetimeAt, show } = await claimedWorld(new Map());
  for (const index of [0, WORKER]) await refused(show(index, {}, BigInt(index)), 'NotAnOffence');
  const path = told.built.trees.claims.path(WORKER);
  await refused(show(WORKER, { claimed: { leaf: namedHash('mine'), path } }, 10n), 'BadPath');
  await refused(show(WORKER, { claimed: { leaf: lifetimeAt(WORKER).leaf.hash, path: path.slice(1) } }, 11n), 'BadPath');
  await refused(show(WORKER, { lifetime: lifetimeAt(3) }, 12n), 'BadPath');
  const mine = { ...lifetimeAt(WORKER), leaf: { ...lifetimeAt(WORKER).leaf, hash: namedHash('mine') } };
  await refused(show(WORKER, { lifetime: mine }, 13n), 'BadPath');
  // The places of two leaves may not differ: both stand at one index.
  await refused(show(3, { lifetime: lifetimeAt(WORKER) }, 14n), 'BadPath');
});
