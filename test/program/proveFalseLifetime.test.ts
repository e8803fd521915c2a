import { FAULT, proveFalseLifetime } from '@karmesh/sdk/program';
import {
  creditLeaf,
  falseLifetimeEvidence,
  type KarmaVector,
  type ReceiptCredit,
  type ShownNode,
  type ShownPlace,
} from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { toFinalised } from './epochSteps.ts';
import { bufferedFault, fundedFinder, readFault, showFault } from './evidenceSteps.ts';
import { type Said, type ToldReport, tell, voteFor } from './falseReport.ts';
import { namedHash } from './keys.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { shownTree } from './shownTree.ts';
import { buildWorld, type Member, readConfig, readEpoch, startWorld, type World } from './world.ts';

const BEFORE: KarmaVector = [0n, 10n, 20n, 0n, 0n];
const EARNED: KarmaVector = [0n, 1n, 2n, 0n, 0n];
const AFTER: KarmaVector = [0n, 11n, 22n, 0n, 0n];

const credit = (name: string): ReceiptCredit => ({
  entryHash: namedHash(`entry ${name}`),
  receiptHash: namedHash(`receipt ${name}`),
  karma: EARNED,
  owed: 0n,
});

/** Credits in epoch `epoch` with their top. */
function creditsOf(world: World, epoch: bigint, credits: readonly ReceiptCredit[]) {
  const leaves = credits.map((of) => ({
    ...creditLeaf(world.domain, { epoch, credit: of }),
    shown: { type: 'credit', credit: of } as const,
  }));
  const tree = shownTree(leaves);
  return { receiptsRoot: tree.root.hash, top: tree.shownRoot };
}

/** What a report has at the member's index. */
function placeOf(told: ToldReport, index: number): ShownPlace {
  if (index >= told.leaves.length) return {};
  const leaf = told.leaves[index];
  return { path: told.tree.path(index), ...(leaf === undefined ? {} : { leaf }) };
}

const WORKER = 4;
const OTHER = 5;

/** A final report of epoch 0 over the two workers, and a report of a later epoch that follows on it. */
async function followed(
  say: (parts: { world: World; worker: Member; other: Member; epoch: bigint }) => readonly Said[],
) {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [worker, other] = world.workers as [Member, Member];
  const first = await tell(world, {
    epoch: 0n,
    said: [
      { member: worker, karma: BEFORE, owed: 0n },
      { member: other, karma: BEFORE, owed: 0n },
    ],
  });
  await toFinalised(world, first.built);
  const { epochZeroSlot } = await readConfig(world);
  const epoch = ((await world.ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  const second = await tell(world, {
    epoch,
    said: say({ world, worker, other, epoch }),
    priorRoot: first.built.report.root,
  });
  await voteFor(world, second);
  const finder = await fundedFinder(world);
  const show = (
    shown: {
      readonly index?: number;
      readonly credits?: ShownNode;
      readonly now?: ShownPlace;
      readonly prior?: ShownPlace;
    },
    nonce = 0n,
  ) => {
    const { index = WORKER } = shown;
    const evidence = falseLifetimeEvidence(second.built.report, {
      index,
      now: placeOf(second, index),
      prior: placeOf(first, index),
      ...shown,
    });
    return showFault(world, finder, { name: 'lifetime', epoch, priorEpoch: 0n, evidence, nonce });
  };
  return { world, worker, other, first, second, epoch, finder, show };
}

test('P-46: a lifetime that grew by more than its credits is a fault; one that did not is none', async () => {
  let top: ShownNode = { type: 'absent' };
  const { world, epoch, finder, show } = await followed(({ world: of, worker, other, epoch: in_ }) => {
    const made = creditsOf(of, in_, [credit('a')]);
    top = made.top;
    return [
      { member: worker, karma: AFTER, owed: 1n, receiptsRoot: made.receiptsRoot },
      { member: other, karma: AFTER, receiptsRoot: made.receiptsRoot },
    ];
  });
  await refused(show({ index: OTHER, credits: top }, 1n), 'NotAnOffence');
  await show({ credits: top });
  const { reportHash, faults } = await readEpoch(world, epoch);
  expect(faults).toBe(1);
  expect(await readFault(world, reportHash, FAULT.lifetime)).toMatchObject({
    epoch,
    finder: finder.publicKey,
    reportHash,
    kind: FAULT.lifetime,
  });
});

test('P-46: the top of several credits counts as all of them', async () => {
  let top: ShownNode = { type: 'absent' };
  const { show } = await followed(({ world, worker, other, epoch }) => {
    const made = creditsOf(world, epoch, [credit('a'), credit('b'), credit('c')]);
    top = made.top;
    return [
      { member: worker, karma: [0n, 13n, 26n, 0n, 0n], receiptsRoot: made.receiptsRoot },
      { member: other, karma: [0n, 13n, 27n, 0n, 0n], receiptsRoot: made.receiptsRoot },
    ];
  });
  await refused(show({ credits: top }, 1n), 'NotAnOffence');
  await show({ index: OTHER, credits: top });
});

test('P-46: who earned nothing keeps what it had: a lifetime that shrank or went away is a fault', async () => {
  const { show } = await followed(({ other }) => [{ member: other, karma: BEFORE }]);
  await refused(show({ index: OTHER }, 1n), 'NotAnOffence');
  await show({});
  const narrowed = await followed(({ worker }) => [{ member: worker, karma: BEFORE }]);
  await refused(narrowed.show({}, 1n), 'NotAnOffence');
  // The tree has become too narrow for the other's index.
  await narrowed.show({ index: OTHER });
});

test('P-46: who stands for the first time begins with nothing', async () => {
  const { show } = await followed(({ world, worker, other }) => {
    const [a, b] = world.validators as [Member, Member];
    const kept = [worker, other].map((of) => ({ member: of, karma: BEFORE }));
    return [
      ...kept,
      { member: world.gateway, karma: EARNED },
      { member: a, karma: [0n, 0n, 0n, 0n, 0n] },
      { member: b, karma: EARNED },
    ];
  });
  // Index 0 and 1 lie in the prior tree and have no leaf there, 6 lies behind it.
  await refused(show({ index: 0 }, 1n), 'NotAnOffence');
  await refused(show({ index: 2 }, 2n), 'NotAnOffence');
  await show({ index: 6 });
});

test('P-46: before the first final report there is nothing', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [worker, other] = world.workers as [Member, Member];
  const { receiptsRoot, top } = creditsOf(world, 0n, [credit('a')]);
  const told = await tell(world, {
    epoch: 0n,
    said: [
      { member: worker, karma: EARNED, receiptsRoot },
      { member: other, karma: EARNED },
    ],
  });
  await voteFor(world, told);
  const finder = await fundedFinder(world);
  const show = (evidence: Uint8Array, nonce: bigint) =>
    showFault(world, finder, { name: 'lifetime', epoch: 0n, evidence, nonce });
  const honest = falseLifetimeEvidence(told.built.report, {
    index: WORKER,
    now: placeOf(told, WORKER),
    credits: top,
  });
  await refused(show(honest, 0n), 'NotAnOffence');
  await show(falseLifetimeEvidence(told.built.report, { index: OTHER, now: placeOf(told, OTHER) }), 1n);
});

test('P-46: nothing passes for what it is not: places, credits and prior reports', async () => {
  let top: ShownNode = { type: 'absent' };
  const { world, first, second, epoch, finder, show } = await followed(({ world: of, worker, other, epoch: in_ }) => {
    const made = creditsOf(of, in_, [credit('a')]);
    top = made.top;
    return [
      { member: worker, karma: AFTER, receiptsRoot: made.receiptsRoot },
      { member: other, karma: BEFORE },
    ];
  });
  const now = placeOf(second, WORKER);
  const prior = placeOf(first, WORKER);
  // The credits are left out, made up, or another's.
  await refused(show({ credits: { type: 'absent' } }, 1n), 'BadEvidence');
  await refused(show({ credits: { type: 'credit', credit: credit('made up') } }, 2n), 'BadEvidence');
  const inner = { left: namedHash('l'), right: namedHash('r'), sums: [0n, 1n, 2n, 0n, 0n, 0n] };
  await refused(show({ credits: { type: 'inner', node: inner } }, 3n), 'BadEvidence');
  await refused(show({}, 4n), 'BadEvidence');
  // The prior leaf is hidden, another's, or of the same report.
  await refused(show({ credits: top, prior: { path: prior.path ?? [] } }, 5n), 'BadPath');
  await refused(show({ credits: top, prior: placeOf(first, OTHER) }, 6n), 'BadPath');
  await refused(show({ credits: top, prior: now }, 7n), 'BadPath');
  // The leaf is another's, or is said to be absent.
  await refused(show({ credits: top, now: placeOf(second, OTHER) }, 8n), 'BadPath');
  await refused(show({ now: { path: now.path ?? [] } }, 9n), 'BadPath');
  // Behind both trees nobody is missed.
  await refused(show({ index: 9, now: {}, prior: {} }, 10n), 'NotAnOffence');
  // Another report than the one it follows on.
  const evidence = falseLifetimeEvidence(second.built.report, { index: WORKER, now, credits: top, prior });
  const options = await bufferedFault(world, finder, { epoch, evidence, nonce: 11n });
  const send = (priorEpoch?: bigint) =>
    world.ledger.send(
      [proveFalseLifetime(world.addresses, { ...options, ...(priorEpoch === undefined ? {} : { priorEpoch }) })],
      [finder],
    );
  await refused(send(epoch), 'StalePrior');
  await refused(send(), 'BadOwner');
  await refused(send(0n), 'NotAnOffence');
});
