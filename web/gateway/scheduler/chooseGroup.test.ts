import { type CandidateGroup, constantWeight, type WorkerAccount } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { chooseGroup, eligibleGroups, type GroupFacts } from './chooseGroup.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const modelId = bytes(1);
const key = { epoch: 0n, modelId };
const policy = { weightFloor: 1n, weightCap: 1n };

const worker = (index: number, engineClass: number): WorkerAccount => ({
  address: bytes(100 + index),
  index,
  identity: bytes(100 + index),
  previousIdentity: bytes(100 + index),
  identityFromEpoch: 0n,
  weights: constantWeight(1n),
  capacity: [1, 1],
  capacityFromEpoch: 0n,
  weightKarma: [0n, 0n],
  weightFromEpoch: 0n,
  engineClass: bytes(engineClass),
  models: [modelId],
});
/** Groups with so many candidates each, their class counting from 1. */
const groupsOf = (...counts: readonly number[]): readonly CandidateGroup[] =>
  eligibleGroups(
    counts.flatMap((count, group) => Array.from({ length: count }, (_, i) => worker(10 * group + i, group + 1))),
    key,
    policy,
  );
const classOf = (group: CandidateGroup | undefined): number | undefined => group?.engineClass[0];
const facts =
  (known: Readonly<Record<number, Partial<GroupFacts>>>) =>
  (group: CandidateGroup): GroupFacts => ({ serving: 9, standing: undefined, ...known[classOf(group) ?? 0] });
const pace = (msPerToken: number, agreedShare = 1) => ({ standing: { runs: 8, agreedShare, msPerToken } });

test('only classes that can draw three may run a model, those with most candidates first', () => {
  expect(groupsOf(3, 2, 5).map(classOf)).toEqual([3, 1]);
  expect(chooseGroup([], facts({}), 1n)).toBeUndefined();
  expect(chooseGroup(groupsOf(2, 2), facts({}), 1n)).toBeUndefined();
});

test('where nothing is known the class with most candidates runs it', () => {
  expect(classOf(chooseGroup(groupsOf(3, 4), facts({}), 1n))).toBe(2);
});

test('the class that takes the least time for an answer that is agreed on runs it', () => {
  const groups = groupsOf(3, 4);
  expect(classOf(chooseGroup(groups, facts({ 1: pace(5), 2: pace(9) }), 1n))).toBe(1);
  // Half of its answers come to nothing.
  expect(classOf(chooseGroup(groups, facts({ 1: pace(5, 0.5), 2: pace(9) }), 1n))).toBe(2);
  expect(classOf(chooseGroup(groups, facts({ 1: pace(Number.POSITIVE_INFINITY, 0), 2: pace(9) }), 1n))).toBe(2);
});

test('a class with too few that serve comes after all others, whatever its pace', () => {
  const groups = groupsOf(3, 4);
  expect(classOf(chooseGroup(groups, facts({ 1: { ...pace(1), serving: 2 }, 2: pace(9) }), 1n))).toBe(2);
  const none = facts({ 1: { ...pace(1), serving: 2 }, 2: { ...pace(9), serving: 0 } });
  expect(classOf(chooseGroup(groups, none, 1n))).toBe(1);
});

test('a class that is not known yet is tried at every eighth dispatch', () => {
  const groups = groupsOf(3, 4);
  const known = facts({ 2: pace(9) });
  const tried = Array.from({ length: 16 }, (_, i) => classOf(chooseGroup(groups, known, BigInt(i + 1))));
  expect(tried.flatMap((engineClass, i) => (engineClass === 1 ? [i + 1] : []))).toEqual([8, 16]);
});
