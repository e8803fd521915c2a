import { type Asked, closeBallot } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import {
  passed,
  readProposal,
  sendCloseBallot,
  sendCloseProposal,
  sendExecute,
  sendPropose,
  sendYes,
  untilEpoch,
} from './governanceSteps.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, type Member, SOL, startWorld } from './world.ts';

const FEE: Asked = { kind: 'parameter', index: 11, value: 600n };
const PAUSE: Asked = { kind: 'pause', epochs: 1n };

async function started() {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const [a, b] = world.validators as [Member, Member];
  return { world, a, b, payer: a.identity.publicKey };
}

test('P-36: pays the rent back once the proposal is executed', async () => {
  const { world, a, b, payer } = await started();
  const { ledger, addresses, operator } = world;
  const proposal = await passed(world, 0n, PAUSE);
  await refused(sendCloseBallot(world, a, proposal), 'TooEarly');
  await sendExecute(world, proposal);
  const other = await sendPropose(world, a, 1n, FEE);
  const base = closeBallot(addresses, { proposal, validator: a.address, payer });
  const swaps: readonly [number, Uint8Array, string][] = [
    [0, b.identity.publicKey, 'BadOwner'],
    [1, addresses.vault, 'BadOwner'],
    [2, other, 'BadPda'],
    [3, addresses.ballot(proposal, b.address), 'BadOwner'],
    [3, proposal, 'BadOwner'],
  ];
  for (const [position, by, error] of swaps) {
    await refused(ledger.send([withAccount(base, position, by)], [operator]), error);
  }
  const before = await lamportsOf(world, payer);
  await sendCloseBallot(world, a, proposal);
  expect((await lamportsOf(world, payer)) - before).toBe(await ledger.rent(152));
  await refused(sendCloseBallot(world, a, proposal), 'BadOwner');
});

test('P-36: while votes are taken no ballot ends, so that nobody votes twice', async () => {
  const { world, a } = await started();
  const proposal = await sendPropose(world, a, 0n, FEE);
  await sendYes(world, a, proposal);
  await refused(sendCloseBallot(world, a, proposal), 'TooEarly');
  await untilEpoch(world, 64n);
  await refused(sendCloseBallot(world, a, proposal), 'TooEarly');
  await untilEpoch(world, 65n);
  await sendCloseBallot(world, a, proposal);
  await refused(sendYes(world, a, proposal), 'TooLate');
  expect((await readProposal(world, proposal)).yesStake).toBe(2n * SOL);
});

test('P-36: a ballot outlives its proposal, and is none on the next one at its address', async () => {
  const { world, a, b, payer } = await started();
  const proposal = await passed(world, 0n, PAUSE);
  await sendExecute(world, proposal);
  await untilEpoch(world, 1n);
  await sendCloseProposal(world, proposal, payer);
  await sendCloseBallot(world, a, proposal);
  await sendPropose(world, a, 0n, FEE);
  await sendYes(world, a, proposal);
  await refused(sendCloseBallot(world, a, proposal), 'TooEarly');
  // The second validator's is still that on the first proposal.
  await refused(sendYes(world, b, proposal), 'AlreadyVoted');
  await sendCloseBallot(world, b, proposal);
  await sendYes(world, b, proposal);
  expect((await readProposal(world, proposal)).yesStake).toBe(4n * SOL);
});
