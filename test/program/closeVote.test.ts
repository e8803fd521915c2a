import { closeVote } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { makeReport, sendCloseVote, sendFinalise, toReported } from './epochSteps.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, type Member, readEpoch, startWorld } from './world.ts';

test('P-22: pays the rent back to who paid it, once the epoch is final', async () => {
  const world = await buildWorld(liteSvmLedger());
  await startWorld(world);
  const [a, b] = world.validators as [Member, Member];
  await toReported(world, await makeReport(world, { epoch: 0n, earned: new Map() }));
  await refused(sendCloseVote(world, a, 0n), 'NotFinalised');
  const { quorumSlot } = await readEpoch(world, 0n);
  await world.ledger.untilSlot(quorumSlot + world.parameters.challengeSlots);
  await sendFinalise(world, 0n);

  await refused(sendCloseVote(world, a, 0n, b.identity.publicKey), 'BadOwner');
  const { addresses, ledger, operator } = world;
  const crossed = closeVote(addresses, { epoch: 0n, validator: a.address, payer: a.identity.publicKey });
  await refused(ledger.send([withAccount(crossed, 1, addresses.config)], [operator]), 'BadOwner');
  const before = await lamportsOf(world, a.identity.publicKey);
  await sendCloseVote(world, a, 0n);
  expect((await lamportsOf(world, a.identity.publicKey)) - before).toBe(await ledger.rent(192));
  expect(await ledger.account(addresses.vote(0n, a.address))).toBeUndefined();
  await refused(sendCloseVote(world, a, 0n), 'BadOwner');
});
