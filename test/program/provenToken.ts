import { statementHash } from '@karmesh/sdk/protocol';
import { expect } from 'vitest';
import { makeReport, toFinalised } from './epochSteps.ts';
import type { Ledger } from './ledger/ledger.ts';
import {
  admit,
  contextOf,
  readLayer,
  readModelKeys,
  readProven,
  recordOf,
  registryOf,
  sendCloseProven,
  sendLayer,
  sendProof,
} from './proofSteps.ts';
import { refused } from './refused.ts';
import { outsideOfGroup, trapdoorKey } from './trapdoorKey.ts';
import { buildWorld, readConfig, startWorld } from './world.ts';

/** From a model's keys over the proofs of a token's operators to the end of their record, on any ledger. */
export async function provenToken(ledger: Ledger): Promise<void> {
  const world = await buildWorld(ledger);
  await startWorld(world);
  const key = trapdoorKey('layer', 3);
  const registry = registryOf(
    world,
    [0, 1, 2].map(() => ({ ...key, contextIndex: 2 })),
  );
  await admit(world, registry);
  expect((await readModelKeys(world, registry)).attestationCount).toBe(3);
  await sendLayer(world, registry, 0);
  await sendLayer(world, registry, 2);
  expect((await readLayer(world, registry, 2)).key).toEqual(key.verifyingKey);

  const signalsOf = (operator: number) => [31n, 32n, contextOf(world, operator)];
  const prove = (operator: number, salt?: string) => {
    const signals = signalsOf(operator);
    return sendProof(world, registry, { operator, signals, proof: key.prove(signals, salt) });
  };
  await prove(0);
  await prove(0, 'again');
  await prove(2);
  const statements = [statementHash(0, signalsOf(0)), undefined, statementHash(2, signalsOf(2))];
  expect(await readProven(world, registry)).toMatchObject({ provenCount: 2, statements });

  const [signals, proof] = [signalsOf(2), key.prove(signalsOf(2))];
  const outside = Uint8Array.from(proof);
  outside.set(outsideOfGroup(), 64);
  await refused(sendProof(world, registry, { operator: 2, signals, proof: outside }), 'BadPoint');
  const offCurve = Uint8Array.from(proof);
  offCurve[63] = (offCurve[63] ?? 0) ^ 1;
  await refused(sendProof(world, registry, { operator: 2, signals, proof: offCurve }), 'BadPoint');
  const exchanged = Uint8Array.from(proof);
  exchanged.copyWithin(0, 192);
  await refused(sendProof(world, registry, { operator: 2, signals, proof: exchanged }), 'BadProof');

  await refused(sendCloseProven(world, registry), 'NotFinalised');
  const { recordedEpoch } = await readProven(world, registry);
  await toFinalised(world, await makeReport(world, { epoch: recordedEpoch + 1n, earned: new Map() }));
  expect((await readConfig(world)).lastFinalisedEpoch).toBe(recordedEpoch + 1n);
  await sendCloseProven(world, registry);
  expect(await ledger.account(world.addresses.proven(recordOf(world, registry)))).toBeUndefined();
}
