import {
  openEscrow,
  registerGateway,
  registerValidator,
  registerWorker,
  requestWithdrawal,
  rotateIdentity,
  withdrawEscrow,
} from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { makeReport, sendClaim, sendCloseVote, settlement, toFinalised } from './epochSteps.ts';
import { currentEpoch, passed, sendExecute, sendPropose, sendYes, untilEpoch } from './governanceSteps.ts';
import { namedKey } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import {
  buildWorld,
  ENGINE_CLASS,
  type Member,
  MODEL,
  member,
  readConfig,
  readParticipant,
  SOL,
  startWorld,
  type World,
} from './world.ts';

async function finalisedWorld() {
  const world = await buildWorld(await testLedger(), { parameters: { slotsPerEpoch: 1_000n } });
  await startWorld(world);
  const [worker] = world.workers as [Member];
  const { buyer, escrow, addresses } = world;
  await world.ledger.send([requestWithdrawal(addresses, { buyer: buyer.publicKey, escrow, amount: SOL })], [buyer]);
  const built = await makeReport(world, {
    epoch: 0n,
    earned: new Map([[worker, { karma: [1n, 0n, 0n, 0n, 0n], owed: 500_000n }]]),
    settlements: [settlement(world, 1_000_000n)],
  });
  await toFinalised(world, built);
  return { world, built, worker };
}

async function pause(world: World, nonce: bigint, epochs: bigint): Promise<void> {
  await sendExecute(world, await passed(world, nonce, { kind: 'pause', epochs }));
}

/** The registrations of three newcomers. */
function registrations({ ledger, addresses, operator }: World) {
  const keys = (of: Member) => ({ owner: operator.publicKey, identity: of.identity.publicKey });
  const [worker, validator, gateway] = ['worker', 'validator', 'gateway'].map((role) =>
    member(addresses, `paused ${role}`, operator),
  ) as [Member, Member, Member];
  const models = { engineClass: ENGINE_CLASS, models: [MODEL] };
  return [
    () =>
      ledger.send([registerWorker(addresses, { ...keys(worker), bond: SOL, ...models })], [operator, worker.identity]),
    () =>
      ledger.send(
        [registerValidator(addresses, { ...keys(validator), bond: 2n * SOL })],
        [operator, validator.identity],
      ),
    () => ledger.send([registerGateway(addresses, { ...keys(gateway), bond: 3n * SOL })], [operator, gateway.identity]),
  ];
}

test('P-37: new stake and claims wait, and the pause ends by itself', async () => {
  const { world, built, worker } = await finalisedWorld();
  const current = await currentEpoch(world);
  await pause(world, 0n, 2n);
  expect(await readConfig(world)).toMatchObject({
    pausedUntilEpoch: current + 2n,
    pausableFromEpoch: current + 10n,
  });
  for (const register of registrations(world)) await refused(register(), 'Paused');
  await refused(sendClaim(world, built, worker), 'Paused');
  await world.ledger.untilSlot((await readConfig(world)).epochZeroSlot + (current + 2n) * 1_000n - 1n);
  await refused(sendClaim(world, built, worker), 'Paused');
  await untilEpoch(world, current + 2n);
  await sendClaim(world, built, worker);
  expect((await readParticipant(world, worker.address)).lifetimePaid).toBe(500_000n);
  for (const register of registrations(world)) await register();
});

test('P-37: everything else goes on: epochs, votes, escrows, keys, proposals', async () => {
  const { world, built } = await finalisedWorld();
  const { ledger, addresses, operator, buyer, gateway, escrow } = world;
  const [a] = world.validators as [Member];
  await pause(world, 0n, 8n);
  await sendCloseVote(world, a, 0n);
  const other = namedKey('paused buyer');
  await ledger.fund(other.publicKey, SOL);
  await ledger.send([openEscrow(addresses, { buyer: other.publicKey, gateway: gateway.address, amount: 1n })], [other]);
  const identity = namedKey('paused identity');
  const rotation = { owner: operator.publicKey, newIdentity: identity.publicKey, participant: gateway.address };
  await ledger.send([rotateIdentity(addresses, rotation)], [operator, identity]);
  const proposal = await passed(world, 1n, { kind: 'parameter', index: 11, value: 600n });
  const next = await currentEpoch(world);
  const later = await makeReport(world, {
    epoch: next,
    earned: new Map([[world.workers[0] as Member, { karma: [1n, 0n, 0n, 0n, 0n], owed: 500_000n }]]),
    settlements: [settlement(world, 1_000n, 1_001_000n)],
    priorRoot: built.report.root,
  });
  await toFinalised(world, later);
  await sendExecute(world, proposal);
  await ledger.send([withdrawEscrow(addresses, { buyer: buyer.publicKey, escrow })], [buyer]);
  expect(await readConfig(world)).toMatchObject({ lastFinalisedEpoch: next });
  expect((await readConfig(world)).pausedUntilEpoch).toBeGreaterThan(await currentEpoch(world));
});

test('P-37: between two pauses lie eight epochs, so that they hold nobody for ever', async () => {
  const { world, built, worker } = await finalisedWorld();
  const current = await currentEpoch(world);
  await pause(world, 0n, 8n);
  const [a, b, c] = world.validators as [Member, Member, Member];
  await untilEpoch(world, current + 15n);
  const again = await sendPropose(world, a, 1n, { kind: 'pause', epochs: 8n });
  for (const voter of [a, b, c]) await sendYes(world, voter, again);
  await refused(sendExecute(world, again), 'TimeLocked');
  await sendClaim(world, built, worker);
  await untilEpoch(world, current + 16n);
  await sendExecute(world, again);
  expect(await readConfig(world)).toMatchObject({
    pausedUntilEpoch: current + 24n,
    pausableFromEpoch: current + 32n,
  });
});
