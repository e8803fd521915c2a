import { closeEpoch, EPOCH_STATE, eventsInLogs, PROGRAM_ID, registerValidator } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { closeSlot, makeReport, manifest, manifestHash, sendAttest, sendClose, toFinalised } from './epochSteps.ts';
import { type LiteSvmLedger, liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, member, readEpoch, SOL, startWorld, type World } from './world.ts';

async function startedWorld(): Promise<World<LiteSvmLedger>> {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  return world;
}

/** The validator with this ordinal. */
function validator(world: World, ordinal: number) {
  const found = world.validators[ordinal];
  if (found === undefined) throw new RangeError('There is no such validator.');
  return found;
}

function instruction(world: World, ordinal: number, epoch = 0n) {
  const { identity, address } = validator(world, ordinal);
  return closeEpoch(world.addresses, { identity: identity.publicKey, validator: address, ...manifest(epoch) });
}

test('P-12: stores the manifest, its hash and the stake of the epoch', async () => {
  const world = await startedWorld();
  const slot = await closeSlot(world, 0n);
  await world.ledger.untilSlot(slot);
  const { logs } = await sendClose(world, validator(world, 0), manifest(0n));

  const { epoch, entryCount, receiptSetRoot, candidatesRoot, slotHashesRoot, escrowsRoot } = manifest(0n);
  expect(await readEpoch(world, 0n)).toEqual({
    address: world.addresses.epoch(0n),
    epoch,
    entryCount,
    receiptSetRoot,
    candidatesRoot,
    slotHashesRoot,
    escrowsRoot,
    manifestHash: manifestHash(world, 0n),
    state: EPOCH_STATE.closed,
    bump: expect.any(Number),
    totalStake: 8n * SOL,
    validatorCount: 4,
    closeSlot: slot,
    proposer: validator(world, 0).address,
    attestedStake: 0n,
    attestedSlot: 0n,
    saltAccumulator: new Uint8Array(32),
    saltCount: 0,
    verdictAttempt: 0,
    beaconTargetSlot: 0n,
    beaconSlot: 0n,
    beacon: new Uint8Array(32),
    verdictsRoot: new Uint8Array(32),
    verdictCount: 0,
    candidateCount: 0,
    verdictsSlot: 0n,
    verdictsProposer: new Uint8Array(32),
    sealedStake: 0n,
    candidates: Array.from({ length: 4 }, () => ({ reportHash: new Uint8Array(32), stake: 0n, paidStake: 0n })),
    reportHash: new Uint8Array(32),
    root: new Uint8Array(32),
    totals: [0n, 0n, 0n, 0n, 0n, 0n],
    participantCount: 0,
    escrowCount: 0,
    settlementsRoot: new Uint8Array(32),
    settlementsTotal: 0n,
    carriedRoot: new Uint8Array(32),
    priorRoot: new Uint8Array(32),
    quorumSlot: 0n,
    settledLamports: 0n,
    settledCount: 0,
    carriedCount: 0,
    finalisedSlot: 0n,
    claimsRoot: new Uint8Array(32),
    saltStake: 0n,
    voteReward: 0n,
    votePoints: 0n,
    payer: validator(world, 0).identity.publicKey,
    faults: 0,
    faultSlot: 0n,
    votesPaid: 0n,
    openChallenges: 0,
    sealsSlot: 0n,
    heldUntilSlot: 0n,
    openVotes: 0,
  });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([
    { name: 'EpochClosed', data: { epoch: 0n, manifestHash: manifestHash(world, 0n) } },
  ]);
});

test('P-12: refuses before the delay has passed, and before start', async () => {
  const world = await startedWorld();
  await world.ledger.untilSlot((await closeSlot(world, 0n)) - 1n);
  await refused(sendClose(world, validator(world, 0), manifest(0n)), 'TooEarly');
  const idle = await buildWorld(liteSvmLedger());
  await refused(sendClose(idle, validator(idle, 0), manifest(0n)), 'NotStarted');
});

test('P-12: the turn goes round by epoch and window', async () => {
  const world = await startedWorld();
  const slot = await closeSlot(world, 0n);
  const window = world.parameters.proposerWindowSlots;
  await world.ledger.untilSlot(slot + window - 1n);
  for (const ordinal of [1, 2, 3])
    await refused(sendClose(world, validator(world, ordinal), manifest(0n)), 'NotProposer');
  await world.ledger.untilSlot(slot + window);
  await refused(sendClose(world, validator(world, 0), manifest(0n)), 'NotProposer');
  await sendClose(world, validator(world, 1), manifest(0n));
  await world.ledger.untilSlot(await closeSlot(world, 1n));
  await sendClose(world, validator(world, 1), manifest(1n));
  await world.ledger.untilSlot((await closeSlot(world, 2n)) + 3n * window);
  await sendClose(world, validator(world, 1), manifest(2n));
});

test('P-12: a later proposer replaces a manifest that nobody attested; the same one does not', async () => {
  const world = await startedWorld();
  const slot = await closeSlot(world, 0n);
  const other = { ...manifest(0n), entryCount: 8 };
  await world.ledger.untilSlot(slot);
  await sendClose(world, validator(world, 0), manifest(0n));
  await refused(sendClose(world, validator(world, 0), other), 'NotProposer');
  await world.ledger.untilSlot(slot + world.parameters.proposerWindowSlots);
  await sendClose(world, validator(world, 1), other);
  expect(await readEpoch(world, 0n)).toMatchObject({
    entryCount: 8,
    proposer: validator(world, 1).address,
    closeSlot: slot + world.parameters.proposerWindowSlots,
  });
});

test('P-12: a manifest that somebody attested stands', async () => {
  const world = await startedWorld();
  const slot = await closeSlot(world, 0n);
  await world.ledger.untilSlot(slot);
  await sendClose(world, validator(world, 0), manifest(0n));
  await sendAttest(world, validator(world, 3), 0n);
  await world.ledger.untilSlot(slot + world.parameters.proposerWindowSlots);
  await refused(sendClose(world, validator(world, 1), { ...manifest(0n), entryCount: 8 }), 'BadState');
});

test('P-12: epochs may be skipped, and no epoch up to the last finalised one is closed', async () => {
  const world = await startedWorld();
  await toFinalised(world, await makeReport(world, { epoch: 2n, earned: new Map() }));
  const slot = await world.ledger.slot();
  for (const epoch of [0n, 1n, 2n]) {
    const attempt = (slot - (await closeSlot(world, epoch))) / world.parameters.proposerWindowSlots;
    const ordinal = Number((epoch + attempt) % 4n);
    await refused(sendClose(world, validator(world, ordinal), manifest(epoch)), 'WrongEpoch');
  }
});

test('P-12: a validator that registered during the epoch neither counts nor proposes', async () => {
  const world = await startedWorld();
  const late = member(world.addresses, 'late validator', world.operator);
  await world.ledger.fund(late.identity.publicKey, SOL);
  await world.ledger.send(
    [
      registerValidator(world.addresses, {
        owner: world.operator.publicKey,
        identity: late.identity.publicKey,
        bond: 90n * SOL,
      }),
    ],
    [world.operator, late.identity],
  );
  await world.ledger.untilSlot(await closeSlot(world, 0n));
  await refused(sendClose(world, late, manifest(0n)), 'NotActive');
  await sendClose(world, validator(world, 0), manifest(0n));
  expect(await readEpoch(world, 0n)).toMatchObject({ totalStake: 8n * SOL, validatorCount: 4 });
  await world.ledger.untilSlot(await closeSlot(world, 1n));
  await sendClose(world, validator(world, 1), manifest(1n));
  expect(await readEpoch(world, 1n)).toMatchObject({ totalStake: 98n * SOL, validatorCount: 5 });
});

test('P-12: a late closing counts the stake and the validators of its own epoch', async () => {
  const world = await startedWorld();
  const late = member(world.addresses, 'late validator', world.operator);
  await world.ledger.send(
    [
      registerValidator(world.addresses, {
        owner: world.operator.publicKey,
        identity: late.identity.publicKey,
        bond: 2n * SOL,
      }),
    ],
    [world.operator, late.identity],
  );
  // Four windows later it is the first validator's turn again, of the four that count in epoch 0.
  await world.ledger.untilSlot((await closeSlot(world, 0n)) + 4n * world.parameters.proposerWindowSlots);
  await sendClose(world, validator(world, 0), manifest(0n));
  expect(await readEpoch(world, 0n)).toMatchObject({ totalStake: 8n * SOL, validatorCount: 4 });
  await world.ledger.untilSlot(await closeSlot(world, 7n));
  const slot = await world.ledger.slot();
  const turn = (7n + (slot - (await closeSlot(world, 7n))) / world.parameters.proposerWindowSlots) % 5n;
  await sendClose(world, validator(world, Number(turn)), manifest(7n));
  expect(await readEpoch(world, 7n)).toMatchObject({ totalStake: 10n * SOL, validatorCount: 5 });
});

test('P-12: refuses another role, another identity, no signature, a wrong address and a foreign account', async () => {
  const world = await startedWorld();
  const { ledger, gateway, operator, addresses } = world;
  await ledger.untilSlot(await closeSlot(world, 0n));
  const proposer = validator(world, 0);
  await refused(sendClose(world, gateway, manifest(0n)), 'WrongRole');
  await refused(ledger.send([withAccount(instruction(world, 0), 0, operator.publicKey)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(instruction(world, 0), 0)], [operator]), 'WrongIdentity');
  const elsewhere = withAccount(instruction(world, 0), 3, addresses.epoch(9n));
  await refused(ledger.send([elsewhere], [proposer.identity]), 'BadPda');
  await refused(ledger.send([withAccount(instruction(world, 0), 3, addresses.vault)], [proposer.identity]), 'BadOwner');
  await refused(ledger.send([withAccount(instruction(world, 0), 1, addresses.vault)], [proposer.identity]), 'BadOwner');
});

test("P-12: another epoch's account is refused", async () => {
  const world = await startedWorld();
  await world.ledger.untilSlot(await closeSlot(world, 0n));
  await sendClose(world, validator(world, 0), manifest(0n));
  await world.ledger.untilSlot(await closeSlot(world, 1n));
  const crossed = withAccount(instruction(world, 1, 1n), 3, world.addresses.epoch(0n));
  await refused(world.ledger.send([crossed], [validator(world, 1).identity]), 'WrongEpoch');
});
