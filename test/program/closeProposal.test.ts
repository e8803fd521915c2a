import { type Asked, closeProposal } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import { passed, sendCloseProposal, sendExecute, sendPropose, sendYes, untilEpoch } from './governanceSteps.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, type Member, startWorld } from './world.ts';

const FEE: Asked = { kind: 'parameter', index: 11, value: 600n };
const PAUSE: Asked = { kind: 'pause', epochs: 1n };

async function started() {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const [a, b] = world.validators as [Member, Member];
  return { world, a, b, payer: a.identity.publicKey };
}

test('P-36: pays the rent back once the proposal is executed, in a later epoch than its own', async () => {
  const { world, a, b, payer } = await started();
  const { ledger, addresses, operator } = world;
  const proposal = await passed(world, 0n, PAUSE);
  await refused(sendCloseProposal(world, proposal, payer), 'TooEarly');
  await sendExecute(world, proposal);
  await refused(sendCloseProposal(world, proposal, payer), 'TooEarly');
  await untilEpoch(world, 1n);
  const base = closeProposal(addresses, { proposal, payer });
  const swaps: readonly [number, Uint8Array, string][] = [
    [0, b.identity.publicKey, 'BadOwner'],
    [1, addresses.vault, 'BadOwner'],
    [2, addresses.ballot(proposal, a.address), 'BadOwner'],
    [2, a.address, 'BadOwner'],
  ];
  for (const [position, by, error] of swaps) {
    await refused(ledger.send([withAccount(base, position, by)], [operator]), error);
  }
  const before = await lamportsOf(world, payer);
  await sendCloseProposal(world, proposal, payer);
  expect((await lamportsOf(world, payer)) - before).toBe(await ledger.rent(216));
  expect(await ledger.account(proposal)).toBeUndefined();
  await refused(sendCloseProposal(world, proposal, payer), 'BadOwner');
});

test('P-36: one that did not pass ends after 64 epochs, one that nobody executed 64 after its time lock', async () => {
  const { world, a, payer } = await started();
  const silent = await sendPropose(world, a, 0n, FEE);
  await sendYes(world, a, silent);
  const waiting = await passed(world, 1n, FEE);
  const pause = await passed(world, 2n, PAUSE);
  await untilEpoch(world, 8n);
  await refused(sendCloseProposal(world, pause, payer), 'TooEarly');
  await untilEpoch(world, 9n);
  await sendCloseProposal(world, pause, payer);
  await untilEpoch(world, 64n);
  await refused(sendCloseProposal(world, silent, payer), 'TooEarly');
  await untilEpoch(world, 65n);
  await sendCloseProposal(world, silent, payer);
  await refused(sendCloseProposal(world, waiting, payer), 'TooEarly');
  await untilEpoch(world, 66n);
  await sendCloseProposal(world, waiting, payer);
});
