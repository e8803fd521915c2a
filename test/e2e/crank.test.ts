import { setTimeout as pause } from 'node:timers/promises';
import { createChainView, createProgramClient, transactionSigner } from '@karmesh/sdk/program';
import { generateKeypair, type Keypair, logger, metrics } from '@karmesh/sdk/runtime';
import { Connection } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { type CrankCount, crank } from '../../validator/src/crank/crank.ts';
import { validatorMetrics } from '../../validator/src/validatorMetrics.ts';
import { tickedLedger } from '../harness/tickedLedger.ts';
import { makeReport, settlement, toFinalised } from '../program/epochSteps.ts';
import {
  buildWorld,
  firstSlot,
  lamportsOf,
  type Member,
  readEpoch,
  readParticipant,
  startWorld,
} from '../program/world.ts';

test('the crank brings an old epoch’s rent home, with the votes of others that hold it, and pays its owner if told', async ({
  signal,
}) => {
  await using ledger = await tickedLedger({ signal });
  const world = await buildWorld(ledger, { parameters: { evidenceEpochs: 1n } });
  await startWorld(world);
  const earned = new Map();
  const old = await makeReport(world, { epoch: 0n, earned, settlements: [settlement(world, 8_000_000n)] });
  await toFinalised(world, old);
  await ledger.untilSlot(await firstSlot(world, 64n));
  const settled = settlement(world, 1_000n, 8_001_000n);
  const late = { epoch: 64n, earned, settlements: [settled], priorRoot: old.report.root };
  await toFinalised(world, await makeReport(world, late));

  const { payer } = await readEpoch(world, 0n);
  const at = world.validators.findIndex(({ identity }) => Buffer.from(identity.publicKey).equals(payer));
  const [proposer, other] = [world.validators[at] as Member, world.validators[(at + 1) % 4] as Member];
  const { connection } = ledger;
  const view = async () => createChainView({ connection, pollMs: 20, signal });
  const log = logger({ name: 'test', level: 'silent' })();
  const { metric, count } = counted();
  const had = {
    payer: await lamportsOf(world, payer),
    owner: await lamportsOf(world, world.operator.publicKey),
    other: await lamportsOf(world, other.identity.publicKey),
  };
  {
    await using seen = await view();
    const client = createProgramClient({ connection, payer: transactionSigner(proposer.identity) });
    const options = { pollMs: 10, collectRewards: true };
    await using _running = crank(options)({ view: seen, client, me: proposer.address, log, count });
    while ((await ledger.account(world.addresses.epoch(0n))) !== undefined) {
      await pause(50);
      await ledger.untilSlot((await ledger.slot()) + 1n);
    }
    // The owner is paid at most once an epoch, at the end of a round.
    await ledger.untilSlot(await firstSlot(world, 67n));
    while ((await readParticipant(world, proposer.address)).rewardLamports > 1n) await pause(50);
  }
  const [epochRent, voteRent] = [await ledger.rent(1024), await ledger.rent(192)];
  const gained = (await lamportsOf(world, payer)) - had.payer;
  // At most six transactions of 5,000 lamports: its own votes, those of the others, the epoch, and the payment.
  expect(gained).toBeLessThan(epochRent + 2n * voteRent);
  expect(gained).toBeGreaterThan(epochRent + voteRent - 30_000n);
  expect((await lamportsOf(world, other.identity.publicKey)) - had.other).toBe(voteRent);
  // A fourth of a tenth of 8,000,000, but for what lies behind the point.
  const paid = (await lamportsOf(world, world.operator.publicKey)) - had.owner;
  expect(paid).toBeGreaterThanOrEqual(199_999n);
  // Its own vote of epoch 0 and the three others; that of epoch 64 too, if a round came late enough.
  const shown = await metric();
  expect(shown).toMatchObject({ 'closeEpochAccount sent': 1, 'payOwner sent': 1 });
  expect(shown['closeVote sent']).toBeGreaterThanOrEqual(4);
  expect(Object.keys(shown).filter((name) => name.endsWith('failed'))).toEqual([]);
});

test('what the chain refuses, what is not sent and what cannot be read is counted apart', async ({ signal }) => {
  await using ledger = await tickedLedger({ signal });
  const world = await buildWorld(ledger, { parameters: { evidenceEpochs: 2n } });
  await startWorld(world);
  await toFinalised(world, await makeReport(world, { epoch: 0n, earned: new Map() }));
  const [member] = world.validators as [Member, ...Member[]];
  await using view = await createChainView({ connection: ledger.connection, pollMs: 20, signal });
  /** Its clock is two epochs ahead, so that votes seem over that the chain still holds. */
  const early = { ...view, slot: () => view.slot() + 2n * world.parameters.slotsPerEpoch };
  const log = logger({ name: 'test', level: 'silent' })();
  const firstCount = async (connection: Connection, payer: Keypair): Promise<unknown> => {
    const client = createProgramClient({ connection, payer: transactionSigner(payer) });
    const { metric, count, first } = counted();
    await using _running = crank({ pollMs: 10, collectRewards: false })({
      ...{ view: early, client, me: member.address, log, count },
    });
    await first;
    return metric();
  };
  const nowhere = new Connection('http://127.0.0.1:9', { disableRetryOnRateLimit: true });
  expect([
    await firstCount(ledger.connection, member.identity),
    await firstCount(ledger.connection, generateKeypair()),
    await firstCount(nowhere, member.identity),
  ]).toEqual([{ 'closeVote refused': 1 }, { 'closeVote failed': 1 }, { 'read failed': 1 }]);
});

/** A validator's metric of its crank, by kind and outcome. */
function counted() {
  const registry = metrics({ processMetrics: false });
  const { crank: counter } = validatorMetrics(registry);
  const first = Promise.withResolvers<void>();
  return {
    first: first.promise,
    count(what: CrankCount): void {
      counter.inc({ ...what });
      first.resolve();
    },
    async metric(): Promise<Readonly<Record<string, number>>> {
      const line = /^karmesh_validator_crank_total\{kind="(\w+)",outcome="(\w+)"\} (\d+)$/gm;
      const found = [...(await registry.text()).matchAll(line)];
      return Object.fromEntries(found.map(([, kind, outcome, times]) => [`${kind} ${outcome}`, Number(times)]));
    },
  };
}
