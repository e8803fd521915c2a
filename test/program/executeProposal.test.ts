import { type Asked, type ConfigAccount, eventsInLogs, executeProposal } from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS, type ChainParameters, namedParameters, parametersIn } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { makeReport, sendSettle, settlement, toFinalised, toReported } from './epochSteps.ts';
import {
  currentEpoch,
  passed,
  readProposal,
  sendExecute,
  sendPropose,
  sendYes,
  untilEpoch,
} from './governanceSteps.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  lamportsOf,
  type Member,
  parameterList,
  readConfig,
  readVault,
  SOL,
  startWorld,
  type World,
} from './world.ts';

const MOST = 0xffff_ffff_ffff_ffffn;
const NO_CHANGE = { index: 0n, fromEpoch: 0n, before: 0n };
const place = (name: keyof ChainParameters) => CHAIN_PARAMETERS.indexOf(name);
const feeIn = ({ parameters, changes }: ConfigAccount, epoch: bigint) =>
  parametersIn({ parameters: namedParameters(parameters), changes }, epoch).feeShareBps;
const change = (name: keyof ChainParameters, value: bigint): Asked => ({
  kind: 'parameter',
  index: place(name),
  value,
});
const payment = (lamports: bigint, recipient = namedHash('recipient')): Asked => ({
  kind: 'payment',
  lamports,
  recipient,
});

async function started(parameters: Partial<ChainParameters> = {}): Promise<World> {
  const world = await buildWorld(await testLedger(), { parameters });
  await startWorld(world);
  return world;
}

/** Passes a change and executes it as soon as it can be. */
async function changed(world: World, nonce: bigint, asked: Asked): Promise<void> {
  const proposal = await passed(world, nonce, asked);
  await untilEpoch(world, (await readProposal(world, proposal)).executableFromEpoch);
  await sendExecute(world, proposal);
}

test('P-36: a parameter changes after its time lock, from the next epoch on, and once', async () => {
  const world = await started({ proposalDelayEpochs: 3n });
  const { addresses } = world;
  const [a, b, c] = world.validators as [Member, Member, Member];
  const proposal = await sendPropose(world, a, 0n, change('feeShareBps', 600n));
  await refused(sendExecute(world, proposal), 'NotPassed');
  for (const voter of [a, b, c]) await sendYes(world, voter, proposal);
  await refused(sendExecute(world, proposal), 'TimeLocked');
  await untilEpoch(world, 3n);
  const before = await readConfig(world);
  const { logs } = await sendExecute(world, proposal);
  const after = await readConfig(world);
  const parameters = parameterList({ ...world.parameters, feeShareBps: 600n });
  const changes = [{ index: 11n, fromEpoch: 4n, before: 500n }, NO_CHANGE, NO_CHANGE, NO_CHANGE];
  expect(after).toEqual({ ...before, parameters, changes });
  expect(eventsInLogs(logs, addresses.programId)).toEqual([
    { name: 'ProposalExecuted', data: { proposal, kind: 1, index: 11, value: 600n } },
  ]);
  expect(await readProposal(world, proposal)).toMatchObject({ executed: 1 });
  expect([0n, 3n, 4n, 99n].map((epoch) => feeIn(after, epoch))).toEqual([500n, 500n, 600n, 600n]);
  await refused(sendExecute(world, proposal), 'BadProposal');
});

test('P-36: a passed proposal that nobody executed for 64 epochs is stale; a pause is after eight', async () => {
  const world = await started({ proposalDelayEpochs: 2n });
  const last = await passed(world, 0n, change('feeShareBps', 600n));
  const stale = await passed(world, 1n, change('feeShareBps', 700n));
  const pause = await passed(world, 2n, { kind: 'pause', epochs: 1n });
  await untilEpoch(world, 9n);
  await refused(sendExecute(world, pause), 'BadProposal');
  await untilEpoch(world, 66n);
  await sendExecute(world, last);
  await untilEpoch(world, 67n);
  await refused(sendExecute(world, stale), 'BadProposal');
});

test.each<[string, Asked]>([
  ['shares of more than all', change('gatewayShareBps', 501n)],
  ['salts that may come after the slot hash is known', change('saltRevealSlots', 44n)],
  ['stake that leaves before a slash', change('slashDelayEpochs', 4n)],
  ['stake that leaves before evidence', change('evidenceEpochs', 4n)],
])('P-36: refuses %s, and nothing moved', async (_, asked) => {
  const world = await started();
  const proposal = await passed(world, 0n, asked);
  await untilEpoch(world, 1n);
  const before = await readConfig(world);
  await refused(sendExecute(world, proposal), 'BadParameter');
  expect(await readConfig(world)).toEqual(before);
  expect((await readProposal(world, proposal)).executed).toBe(0);
});

test('P-36: what would change nothing is refused', async () => {
  const world = await started();
  const proposal = await passed(world, 0n, change('feeShareBps', 500n));
  await untilEpoch(world, 1n);
  await refused(sendExecute(world, proposal), 'BadProposal');
});

test('P-36: four changes in eight epochs, so that what held in each of them is known', async () => {
  const world = await started();
  const values = [501n, 502n, 503n, 504n];
  for (const [i, value] of values.entries()) await changed(world, BigInt(i), change('feeShareBps', value));
  const config = await readConfig(world);
  expect(config.changes.map(({ fromEpoch, before }) => [fromEpoch, before])).toEqual([
    [5n, 503n],
    [4n, 502n],
    [3n, 501n],
    [2n, 500n],
  ]);
  expect([1n, 2n, 3n, 4n, 5n].map((epoch) => feeIn(config, epoch))).toEqual([500n, ...values]);
  const fifth = await passed(world, 9n, change('listPriceLamports', 9n));
  await untilEpoch(world, 9n);
  await refused(sendExecute(world, fifth), 'TimeLocked');
  await untilEpoch(world, 10n);
  await sendExecute(world, fifth);
  expect((await readConfig(world)).changes[0]).toEqual({ index: 21n, fromEpoch: 11n, before: 1n });
});

test('P-36, P-20: an epoch is finalised by the parameters that held in it', async () => {
  const world = await started({ challengeSlots: 4n });
  // From epoch 2 on workers get less and the challenge window is longer than the test.
  await changed(world, 0n, change('workerShareBps', 5_000n));
  await changed(world, 1n, change('challengeSlots', 100_000n));
  const [worker] = world.workers as [Member];
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: [0n, 0n, 0n, 0n, 0n], owed: 800_000n }]]),
    settlements: [settlement(world, 1_000_000n)],
  });
  await toFinalised(world, built);
  expect(await readConfig(world)).toMatchObject({ lastFinalisedEpoch: 0n });
  const later = await makeReport(world, {
    epoch: 3n,
    earned: new Map([[worker, { karma: [0n, 0n, 0n, 0n, 0n], owed: 800_000n }]]),
    priorRoot: built.report.root,
  });
  await refused(toFinalised(world, later), 'TooEarly');
});

async function withTreasury(): Promise<World> {
  const world = await started();
  const [worker] = world.workers as [Member];
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: [0n, 0n, 0n, 0n, 0n], owed: 700_000n }]]),
    settlements: [settlement(world, 100_000_000n)],
  });
  await toFinalised(world, built);
  return world;
}

test('P-36: a payment comes out of what is nobody’s, and no more', async () => {
  const world = await withTreasury();
  const { ledger } = world;
  // 100,000,000 settled; 700,000 are owed and 10,000,000 are the votes'.
  const treasury = 89_300_000n;
  const recipient = namedHash('recipient');
  const proposals = [
    await passed(world, 0n, payment(treasury + 1n)),
    await passed(world, 1n, payment(MOST)),
    await passed(world, 2n, payment(treasury)),
    await passed(world, 3n, payment(1n)),
  ];
  await refused(sendExecute(world, proposals[2] as Uint8Array, recipient), 'TimeLocked');
  await untilEpoch(world, (await currentEpoch(world)) + 1n);
  const before = await readVault(world);
  for (const proposal of proposals.slice(0, 2)) {
    await refused(sendExecute(world, proposal, recipient), 'TreasuryShort');
  }
  await sendExecute(world, proposals[2] as Uint8Array, recipient);
  expect(await lamportsOf(world, recipient)).toBe(treasury);
  expect(await readVault(world)).toEqual({
    ...before,
    lamports: before.lamports - treasury,
    treasuryPaid: treasury,
  });
  await refused(sendExecute(world, proposals[3] as Uint8Array, recipient), 'TreasuryShort');
  await refused(sendExecute(world, proposals[2] as Uint8Array, recipient), 'BadProposal');
  expect(await ledger.rent(112)).toBe((await readVault(world)).lamports - 10_700_000n);
});

test('P-38: what an epoch settled is nobody’s before the epoch is final', async () => {
  const world = await started();
  const [worker] = world.workers as [Member];
  const proposal = await passed(world, 0n, payment(50_000_000n));
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: [0n, 0n, 0n, 0n, 0n], owed: 80_000_000n }]]),
    settlements: [settlement(world, 100_000_000n)],
  });
  await toReported(world, built);
  await sendSettle(world, built, 0);
  expect(await readVault(world)).toMatchObject({ received: 100_000_000n, settled: 0n });
  await refused(sendExecute(world, proposal, namedHash('recipient')), 'TreasuryShort');
});

test('P-36: pays the proposal’s recipient alone, and refuses every account that is another', async () => {
  const world = await withTreasury();
  const { ledger, addresses, operator, buyer } = world;
  const proposal = await passed(world, 0n, payment(10_000_000n));
  const toVault = await passed(world, 1n, payment(1n, addresses.vault));
  const toEscrow = await passed(world, 2n, payment(1n, world.escrow));
  const fee = await passed(world, 3n, change('feeShareBps', 501n));
  await untilEpoch(world, (await currentEpoch(world)) + 1n);
  const base = executeProposal(addresses, { proposal, recipient: namedHash('recipient') });
  const before = await readVault(world);
  const swaps: readonly [number, Uint8Array, string][] = [
    [0, fee, 'BadOwner'],
    [0, world.escrow, 'BadOwner'],
    [1, addresses.vault, 'BadOwner'],
    [2, world.escrow, 'BadOwner'],
    [3, buyer.publicKey, 'BadOwner'],
    [3, operator.publicKey, 'BadOwner'],
  ];
  for (const [position, by, error] of swaps) {
    await refused(ledger.send([withAccount(base, position, by)], [operator]), error);
  }
  await refused(
    ledger.send([withAccount(executeProposal(addresses, { proposal: fee }), 3, buyer.publicKey)], [operator]),
    'BadOwner',
  );
  await refused(sendExecute(world, toVault, addresses.vault), 'BadProposal');
  expect(await readVault(world)).toEqual(before);
  // A gift to an account of the program is lamports and nothing else.
  await sendExecute(world, toEscrow, world.escrow);
  expect((await readVault(world)).lamports).toBe(before.lamports - 1n);
  expect(before.lamports).toBeLessThan(SOL);
});
