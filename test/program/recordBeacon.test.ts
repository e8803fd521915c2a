import { EPOCH_STATE, eventsInLogs, PROGRAM_ID, recordBeacon } from '@karmesh/sdk/program';
import { hash, KIND, u64le } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { sendBeacon, sendSalt, toAttested, toClosed } from './epochSteps.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, type Member, readEpoch, startWorld } from './world.ts';

async function attestedWorld() {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  await toAttested(world, 0n);
  const { beaconTargetSlot } = await readEpoch(world, 0n);
  return { world, target: beaconTargetSlot };
}

type Attested = Awaited<ReturnType<typeof attestedWorld>>['world'];

async function beaconOf(world: Attested, slot: bigint): Promise<Uint8Array> {
  const { saltAccumulator } = await readEpoch(world, 0n);
  return hash(world.domain, new Uint8Array([KIND.beacon]), u64le(0n), world.ledger.slotHash(slot), saltAccumulator);
}

test('P-15: the beacon is the hash of the target slot with the salts', async () => {
  const { world, target } = await attestedWorld();
  for (const validator of world.validators) await sendSalt(world, validator, 0n);
  await world.ledger.untilSlot(target + 1n);
  const { logs } = await sendBeacon(world, 0n);
  const beacon = await beaconOf(world, target);
  expect(await readEpoch(world, 0n)).toMatchObject({ state: EPOCH_STATE.beacon, beacon, beaconSlot: target });
  expect(eventsInLogs(logs, PROGRAM_ID)).toEqual([{ name: 'BeaconRecorded', data: { epoch: 0n, beacon } }]);
  await refused(sendBeacon(world, 0n), 'BadState');
});

test('P-15: refuses until the target slot has passed', async () => {
  const { world, target } = await attestedWorld();
  await world.ledger.untilSlot(target);
  await refused(sendBeacon(world, 0n), 'TooEarly');
});

test('P-15: when the target slot was skipped, the first slot after it counts', async () => {
  const { world, target } = await attestedWorld();
  await world.ledger.untilSlot(target + 1n, { skipped: [target] });
  await refused(sendBeacon(world, 0n), 'TooEarly');
  await world.ledger.untilSlot(target + 9n, { skipped: [target + 1n, target + 2n] });
  await sendBeacon(world, 0n);
  const beacon = await beaconOf(world, target + 3n);
  expect(await readEpoch(world, 0n)).toMatchObject({ beacon, beaconSlot: target + 3n });
});

test('P-15: the last slot that SlotHashes remembers still gives the beacon', async () => {
  const { world, target } = await attestedWorld();
  await world.ledger.untilSlot(target + 512n);
  await sendBeacon(world, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({ state: EPOCH_STATE.beacon, beaconSlot: target });
});

test('P-15: a forgotten target moves on by multiples of 512, whoever asks and whenever', async () => {
  const { world, target } = await attestedWorld();
  await world.ledger.untilSlot(target + 513n);
  await sendBeacon(world, 0n);
  expect(await readEpoch(world, 0n)).toMatchObject({
    state: EPOCH_STATE.attested,
    beaconTargetSlot: target + 1024n,
    beacon: new Uint8Array(32),
  });
  await refused(sendBeacon(world, 0n), 'TooEarly');
  await world.ledger.untilSlot(target + 1025n);
  await sendBeacon(world, 0n);
  const beacon = await beaconOf(world, target + 1024n);
  expect(await readEpoch(world, 0n)).toMatchObject({ state: EPOCH_STATE.beacon, beacon, beaconSlot: target + 1024n });
});

test('P-15: a target forgotten by exactly two lengths moves to this very slot', async () => {
  const { world, target } = await attestedWorld();
  await world.ledger.untilSlot(target + 1024n);
  await sendBeacon(world, 0n);
  expect((await readEpoch(world, 0n)).beaconTargetSlot).toBe(target + 1024n);
});

test('P-15: refuses before two thirds attested', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  await toClosed(world, 0n);
  await refused(sendBeacon(world, 0n), 'BadState');
});

test("P-15: refuses another account for the sysvar, another epoch's account and a foreign one", async () => {
  const { world, target } = await attestedWorld();
  const { ledger, addresses, operator } = world;
  await ledger.untilSlot(target + 1n);
  const instruction = recordBeacon(addresses, { epoch: 0n });
  const [a] = world.validators as [Member];
  await refused(ledger.send([withAccount(instruction, 2, addresses.vote(0n, a.address))], [operator]), 'BadPda');
  const other = withAccount(recordBeacon(addresses, { epoch: 1n }), 0, addresses.epoch(0n));
  await refused(ledger.send([other], [operator]), 'WrongEpoch');
  await refused(ledger.send([withAccount(instruction, 0, addresses.vault)], [operator]), 'BadOwner');
});
