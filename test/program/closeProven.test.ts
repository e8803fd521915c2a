import { closeProven, eventsInLogs } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { makeReport, toFinalised } from './epochSteps.ts';
import { testLedger } from './ledger/testLedger.ts';
import {
  admit,
  contextOf,
  readProven,
  recordOf,
  registryOf,
  sendCloseProven,
  sendLayer,
  sendProof,
} from './proofSteps.ts';
import { refused } from './refused.ts';
import { trapdoorKey } from './trapdoorKey.ts';
import { buildWorld, firstSlot, lamportsOf, type Member, readConfig, startWorld } from './world.ts';

const key = trapdoorKey('key', 2);

/** A record of one operator's statement, of two, made in epoch 1 about a token of epoch 0. */
async function provenWorld() {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const named = { ...key, contextIndex: 1 };
  const registry = await admit(world, registryOf(world, [named, named]));
  await sendLayer(world, registry, 0);
  await sendLayer(world, registry, 1);
  await world.ledger.untilSlot(await firstSlot(world, 1n));
  const prove = async (operator: number) => {
    const signals = [3n, contextOf(world, operator)];
    await sendProof(world, registry, { operator, signals, proof: key.prove(signals) });
  };
  await prove(0);
  const finalise = async (epoch: bigint, priorRoot?: Uint8Array) => {
    const with_ = priorRoot === undefined ? {} : { priorRoot };
    const built = await makeReport(world, { epoch, earned: new Map(), ...with_ });
    await toFinalised(world, built);
    return built.report.root;
  };
  return { world, registry, prove, finalise };
}

test('P-26: pays the rent back once an epoch after the record is final, and not before', async () => {
  const { world, registry, finalise } = await provenWorld();
  await refused(sendCloseProven(world, registry), 'NotFinalised');
  const first = await finalise(0n);
  await refused(sendCloseProven(world, registry), 'NotFinalised');
  const second = await finalise(1n, first);
  await refused(sendCloseProven(world, registry), 'NotFinalised');
  await finalise(2n, second);

  const before = await lamportsOf(world, world.operator.publicKey);
  const { logs } = await sendCloseProven(world, registry);
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([
    { name: 'ProvenClosed', data: recordOf(world, registry) },
  ]);
  const rent = await world.ledger.rent(136 + 2 * 32);
  expect((await lamportsOf(world, world.operator.publicKey)) - before).toBe(rent - 5_000n);
  expect(await world.ledger.account(world.addresses.proven(recordOf(world, registry)))).toBeUndefined();
  await refused(sendCloseProven(world, registry), 'BadOwner');
});

test('P-26: what is added to a record keeps it; what was closed may be recorded again', async () => {
  const { world, registry, prove, finalise } = await provenWorld();
  await finalise(2n);
  await prove(1);
  await refused(sendCloseProven(world, registry), 'NotFinalised');
  const { recordedEpoch } = await readProven(world, registry);
  expect(recordedEpoch).toBeGreaterThan(2n);
  const { lastRoot } = await readConfig(world);
  await finalise(recordedEpoch + 1n, lastRoot);
  await sendCloseProven(world, registry);
  await prove(0);
  expect(await readProven(world, registry)).toMatchObject({
    provenCount: 1,
    statements: [expect.any(Uint8Array), undefined],
  });
});

test('P-26: refuses anybody but the payer, and other accounts', async () => {
  const { world, registry, finalise } = await provenWorld();
  await finalise(2n);
  const { ledger, addresses, operator } = world;
  const [a] = world.validators as [Member];
  const instruction = closeProven(addresses, recordOf(world, registry));
  await refused(ledger.send([withAccount(instruction, 0, a.identity.publicKey)], [a.identity]), 'BadOwner');
  await refused(ledger.send([unsigned(instruction, 0)], [a.identity]), 'WrongIdentity');
  await refused(ledger.send([withAccount(instruction, 1, addresses.vault)], [operator]), 'BadOwner');
  await refused(ledger.send([withAccount(instruction, 2, addresses.config)], [operator]), 'BadOwner');
  await refused(ledger.send([withAccount(instruction, 2, registry.address)], [operator]), 'BadOwner');
});
