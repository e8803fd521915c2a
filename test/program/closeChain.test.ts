import { closeChain, commitChain, eventsInLogs } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { makeReport, toFinalised } from './epochSteps.ts';
import { namedHash } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, type Member, startWorld } from './world.ts';

test('P-53: ends a chain that 64 final epochs lie behind and pays the gateway’s owner', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, operator, gateway } = world;
  const [a] = world.validators as [Member];
  await startWorld(world);
  const chain = { gateway: gateway.address, owner: operator.publicKey, epoch: 0n };
  const end = closeChain(addresses, chain);
  const send = () => ledger.send([end], [a.identity]);
  await refused(send(), 'TooEarly');
  const first = await makeReport(world, { epoch: 63n, earned: new Map() });
  await toFinalised(world, first);
  await refused(send(), 'TooEarly');
  const second = await makeReport(world, { epoch: 64n, earned: new Map(), priorRoot: first.report.root });
  await toFinalised(world, second);

  const swaps: readonly [number, Uint8Array, string][] = [
    [0, addresses.vault, 'BadOwner'],
    [1, a.address, 'BadPda'],
    [1, world.escrow, 'BadOwner'],
    [2, a.identity.publicKey, 'BadOwner'],
    [3, addresses.epoch(64n), 'BadOwner'],
  ];
  for (const [position, by, error] of swaps) {
    await refused(ledger.send([withAccount(end, position, by)], [a.identity]), error);
  }
  const before = await lamportsOf(world, operator.publicKey);
  const { logs } = await send();
  expect((await lamportsOf(world, operator.publicKey)) - before).toBe(await ledger.rent(96));
  expect(eventsInLogs(logs, addresses.programId)).toEqual([
    { name: 'ChainClosed', data: { gateway: gateway.address, epoch: 0n } },
  ]);
  await refused(send(), 'BadOwner');
  // Nobody commits another one for an epoch that has begun.
  const again = { identity: gateway.identity.publicKey, gateway: gateway.address, epoch: 0n };
  const commit = commitChain(addresses, { ...again, commitment: namedHash('another'), length: 1 });
  await refused(ledger.send([commit], [gateway.identity]), 'EpochBegun');
});
