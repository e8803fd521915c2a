import { EPOCH_STATE, programErrorName } from '@karmesh/sdk/program';
import type { KarmaVector } from '@karmesh/sdk/protocol';
import { expect } from 'vitest';
import {
  makeReport,
  manifest,
  sealOf,
  sendClaim,
  sendClose,
  sendCloseVote,
  sendFinalise,
  sendReveal,
  sendSeal,
  sendSettle,
  settlement,
  toFinalised,
  toVerdicts,
} from './epochSteps.ts';
import { namedHash } from './keys.ts';
import type { Ledger } from './ledger/ledger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  lamportsOf,
  type Member,
  readConfig,
  readEpoch,
  readEscrow,
  readParticipant,
  readVault,
  SOL,
  startWorld,
} from './world.ts';

/**
 * Two epochs from registration to claims on any ledger. The first is finalised and claimed by one worker; the others skip it
 * and claim from the second, which loses them nothing.
 */
export async function wholeEpoch(ledger: Ledger): Promise<void> {
  const world = await buildWorld(ledger);
  const [worker, idle] = world.workers as [Member, Member];
  const [a, b, c, d] = world.validators as [Member, Member, Member, Member];
  await startWorld(world);

  const karma: KarmaVector = [300_000n, 100n, 200n, 150_000n, 0n];
  const first = await makeReport(world, {
    epoch: 0n,
    earned: new Map([
      [worker, { karma, owed: 500_000n }],
      [idle, { karma: [10n, 0n, 0n, 0n, 0n], owed: 300_000n }],
    ]),
    settlements: [settlement(world, 1_000_000n)],
  });
  await toVerdicts(world, 0n);
  // A second manifest after the vote began is refused, whoever sends it.
  const replaced = await Promise.all(
    [a, b, c, d].map((of) =>
      sendClose(world, of, { ...manifest(0n), entryCount: 9 }).then(() => 'it ran', programErrorName),
    ),
  );
  expect(replaced.every((name) => name === 'BadState' || name === 'NotProposer')).toBe(true);
  const { report } = first;
  // The fourth says something else; it reaches nothing and stops nothing.
  const dissent = { ...report, carriedRoot: namedHash('dissent') };
  const said = new Map([
    [a, report],
    [b, report],
    [c, report],
    [d, dissent],
  ]);
  const votes = [...said].map(([of, what]) => ({ of, what: { epoch: 0n, report: what } }));
  await Promise.all(votes.map(({ of, what }) => sendSeal(world, of, 0n, sealOf(world, of, what))));
  await Promise.all(votes.map(({ of, what }) => sendReveal(world, of, what)));
  await sendSettle(world, first, 0);
  const { quorumSlot } = await readEpoch(world, 0n);
  await ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);

  expect((await readEpoch(world, 0n)).state).toBe(EPOCH_STATE.finalised);
  expect(await readConfig(world)).toMatchObject({ lastFinalisedEpoch: 0n, lastRoot: report.root });
  expect(await readEscrow(world, world.escrow)).toMatchObject({
    balance: 10n * SOL - 1_000_000n,
    cumulativeDebit: 1_000_000n,
  });
  const before = await lamportsOf(world, worker.owner.publicKey);
  await sendClaim(world, first, worker);
  expect((await lamportsOf(world, worker.owner.publicKey)) - before).toBe(500_000n);
  expect(await readParticipant(world, worker.address)).toMatchObject({
    karma,
    lifetime: karma,
    lifetimePaid: 500_000n,
  });
  await refused(sendClaim(world, first, worker), 'AlreadyClaimed');
  await Promise.all([a, b, c, d].map((of) => sendCloseVote(world, of, 0n)));

  // The next epoch that is closed is the current one: those between are skipped.
  const { epochZeroSlot } = await readConfig(world);
  const next = ((await ledger.slot()) - epochZeroSlot) / world.parameters.slotsPerEpoch;
  const second = await makeReport(world, {
    epoch: next,
    earned: new Map([
      [worker, { karma, owed: 500_000n }],
      [idle, { karma: [20n, 0n, 0n, 0n, 0n], owed: 380_000n }],
    ]),
    settlements: [settlement(world, 100_000n, 1_100_000n)],
    priorRoot: report.root,
  });
  await toFinalised(world, second);
  await refused(sendClaim(world, second, worker), 'AlreadyClaimed');
  await sendClaim(world, second, idle);
  await refused(sendClaim(world, first, idle), 'StaleRoot');
  expect(await readParticipant(world, idle.address)).toMatchObject({
    lifetime: [20n, 0n, 0n, 0n, 0n],
    lifetimePaid: 380_000n,
  });
  const vault = await readVault(world);
  // A tenth of what settled is set aside for votes; those of the first epoch have been paid.
  expect(vault).toMatchObject({ received: 1_100_000n, paid: 880_000n, rewards: 110_000n, rewardsPaid: 100_000n });
  expect(vault.lamports).toBe((await ledger.rent(112)) + 220_000n - 100_000n);
}
