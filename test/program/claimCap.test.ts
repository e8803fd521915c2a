import { programErrorName } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { type BuiltReport, makeReport, sendClaim, settlement, toFinalised } from './epochSteps.ts';
import { currentEpoch, untilEpoch } from './governanceSteps.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  lamportsOf,
  type Member,
  readConfig,
  readParticipant,
  readVault,
  startWorld,
  type World,
} from './world.ts';

const NOTHING = [0n, 0n, 0n, 0n, 0n] as const;

/** Claimants are owed 401, 300 and 200 lamports of 1,001 that settled, and half of what is owed is paid in one epoch. */
async function capped(claimCapBps = 5_000n) {
  const world = await buildWorld(await testLedger(), {
    parameters: { claimCapBps, workerShareBps: 9_000n, voteShareBps: 0n, slotsPerEpoch: 1_000n },
  });
  await startWorld(world);
  const [a, b] = world.workers as [Member, Member];
  const c = world.gateway;
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map([
      [a, { karma: [7n, 0n, 0n, 0n, 0n] as const, owed: 401n }],
      [b, { karma: NOTHING, owed: 300n }],
      [c, { karma: NOTHING, owed: 200n }],
    ]),
    settlements: [settlement(world, 1_002n)],
  });
  await toFinalised(world, built);
  return { world, built, a, b, c };
}

/** What a claim pays its owner. */
async function paidBy(world: World, built: BuiltReport, of: Member): Promise<bigint> {
  const before = await lamportsOf(world, of.owner.publicKey);
  await sendClaim(world, built, of);
  // The operator owns the gateway and pays the transaction.
  const fee = of.owner === world.operator ? 5_000n : 0n;
  return (await lamportsOf(world, of.owner.publicKey)) - before + fee;
}

test('P-38: claims pay a part of what is owed in each epoch, and the next epoch goes on', async () => {
  const { world, built, a, b, c } = await capped();
  const epoch = await currentEpoch(world);
  // 901 are owed: 451 in this epoch.
  expect(await paidBy(world, built, a)).toBe(401n);
  expect(await paidBy(world, built, b)).toBe(50n);
  expect((await readParticipant(world, b.address)).lifetimePaid).toBe(50n);
  await refused(sendClaim(world, built, c), 'ClaimsExhausted');
  await refused(sendClaim(world, built, b), 'ClaimsExhausted');
  expect(await readVault(world)).toMatchObject({ paid: 451n, windowEpoch: epoch, windowPaid: 451n });
  // 450 are left: 225 in the next.
  await untilEpoch(world, epoch + 1n);
  expect(await paidBy(world, built, c)).toBe(200n);
  expect(await paidBy(world, built, b)).toBe(25n);
  await refused(sendClaim(world, built, b), 'ClaimsExhausted');
  expect(await readVault(world)).toMatchObject({ paid: 676n, windowEpoch: epoch + 1n, windowPaid: 225n });
  // Halves come to an end, because they are rounded up.
  const rest: bigint[] = [];
  for (let next = epoch + 2n; (await readParticipant(world, b.address)).lifetimePaid < 300n; next++) {
    await untilEpoch(world, next);
    rest.push(await paidBy(world, built, b));
  }
  expect(rest).toEqual([113n, 56n, 28n, 14n, 7n, 4n, 2n, 1n]);
  await refused(sendClaim(world, built, b), 'AlreadyClaimed');
  expect(await readVault(world)).toMatchObject({ paid: 901n });
});

test('P-38: who comes when the epoch’s money is gone still gets its karma', async () => {
  const { world, built, a, b, c } = await capped();
  await sendClaim(world, built, b);
  await sendClaim(world, built, c);
  expect((await readVault(world)).windowPaid).toBe(451n);
  expect(await paidBy(world, built, a)).toBe(0n);
  expect(await readParticipant(world, a.address)).toMatchObject({
    lifetime: [7n, 0n, 0n, 0n, 0n],
    lifetimePaid: 0n,
  });
  await refused(sendClaim(world, built, a), 'ClaimsExhausted');
});

test('P-38: a root that comes in the same epoch widens what that epoch pays by its part', async () => {
  const { world, built, a, b } = await capped(1_000n);
  // A tenth of 901, rounded up.
  expect(await paidBy(world, built, a)).toBe(91n);
  const later = await makeReport(world, {
    epoch: 1n,
    earned: new Map([
      [a, { karma: [7n, 0n, 0n, 0n, 0n] as const, owed: 401n }],
      [b, { karma: NOTHING, owed: 1_200n }],
      [world.gateway, { karma: NOTHING, owed: 200n }],
    ]),
    settlements: [settlement(world, 1_000n, 2_002n)],
    priorRoot: built.report.root,
  });
  await toFinalised(world, later);
  const epoch = await currentEpoch(world);
  // 1,801 are owed in all and 91 are paid: a tenth of 1,710.
  expect(await paidBy(world, later, b)).toBe(171n);
  expect(await readVault(world)).toMatchObject({ windowEpoch: epoch, windowPaid: 171n, paid: 262n });
});

/** A fixed pseudo-random sequence (mulberry32). */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

test.each([1, 2, 3])(
  'P-38: whatever is claimed when, sums are exact and no more is paid than owed (%i)',
  async (seed) => {
    const draw = sequence(seed);
    const claimCapBps = BigInt(1_000 + draw(9_001));
    const { world, built, a, b, c } = await capped(claimCapBps);
    const { ledger } = world;
    const members = [a, b, c];
    const rent = await ledger.rent(112);
    let newest = built;
    let cumulative = 1_002n;
    const owed = new Map(built.lifetimes.map((lifetime) => [lifetime.index, lifetime.owed]));
    for (let step = 0; step < 14; step++) {
      const member = members[draw(3)] as Member;
      const kind = draw(4);
      if (kind === 0) await untilEpoch(world, (await currentEpoch(world)) + 1n);
      else if (kind === 1 && step < 10) {
        const debit = BigInt(1 + draw(5_000));
        cumulative += debit;
        const grown = newest.lifetimes.map((lifetime, i) => {
          const more = i === draw(newest.lifetimes.length) ? (debit * 9_000n) / 10_000n / 3n : 0n;
          owed.set(lifetime.index, lifetime.owed + more);
          const of = members.find(({ address }) => address === lifetime.participant) as Member;
          return [of, { karma: lifetime.karma, owed: lifetime.owed + more }] as const;
        });
        const next = await makeReport(world, {
          epoch: await currentEpoch(world),
          earned: new Map(grown),
          settlements: [settlement(world, debit, cumulative)],
          priorRoot: newest.report.root,
        });
        await toFinalised(world, next);
        newest = next;
      } else {
        const refusal = await sendClaim(world, newest, member).then(() => undefined, programErrorName);
        expect([undefined, 'AlreadyClaimed', 'ClaimsExhausted']).toContain(refusal);
      }

      const vault = await readVault(world);
      const { lastTotals } = await readConfig(world);
      const owedInAll = [...owed.values()].reduce((sum, value) => sum + value, 0n);
      expect(lastTotals[5]).toBe(owedInAll);
      expect(vault.paid).toBeLessThanOrEqual(owedInAll);
      const paid = await Promise.all(
        members.map(async ({ address }) => (await readParticipant(world, address)).lifetimePaid),
      );
      expect(paid.reduce((sum, value) => sum + value, 0n)).toBe(vault.paid);
      expect(vault.lamports - rent).toBe(vault.received - vault.paid - vault.rewardsPaid - vault.treasuryPaid);
      expect(vault.received).toBe(vault.settled);
      const treasury = vault.settled - owedInAll - vault.rewards - vault.treasuryPaid;
      expect(treasury).toBeGreaterThanOrEqual(0n);
      expect(vault.lamports - rent).toBeGreaterThanOrEqual(owedInAll - vault.paid + treasury);
    }
  },
);
