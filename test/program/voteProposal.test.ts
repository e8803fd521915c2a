import { type Asked, eventsInLogs, NONE, registerValidator } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { readBallot, readProposal, sendPropose, sendYes, untilEpoch, voting } from './governanceSteps.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, type Member, member, SOL, startWorld } from './world.ts';

const FEE: Asked = { kind: 'parameter', index: 11, value: 600n };
const PAUSE: Asked = { kind: 'pause', epochs: 3n };

async function asked(what: Asked, stakes = [2n, 2n, 2n], delay = 5n) {
  const world = await buildWorld(await testLedger(), { stakes, parameters: { proposalDelayEpochs: delay } });
  await startWorld(world);
  const [a, b, c] = world.validators as [Member, Member, Member];
  return { world, a, b, c, proposal: await sendPropose(world, a, 0n, what) };
}

test('P-36: counts the weight of the proposal’s epoch, once each, and passes with more than two thirds', async () => {
  const { world, a, b, c, proposal } = await asked(FEE);
  const { ledger, addresses } = world;
  await untilEpoch(world, 3n);
  await sendYes(world, a, proposal);
  expect(await readBallot(world, proposal, a)).toEqual({
    address: addresses.ballot(proposal, a.address),
    proposal,
    validator: a.address,
    payer: a.identity.publicKey,
    stake: 2n * SOL,
    epoch: 0n,
    bump: expect.any(Number),
  });
  await refused(sendYes(world, a, proposal), 'AlreadyVoted');
  const second = await sendYes(world, b, proposal);
  // Two thirds are not more than two thirds.
  expect(await readProposal(world, proposal)).toMatchObject({ yesStake: 4n * SOL, passedEpoch: NONE });
  expect(eventsInLogs(second.logs, addresses.programId)).toEqual([
    { name: 'ProposalVoted', data: { proposal, validator: b.address, yesStake: 4n * SOL, passed: 0 } },
  ]);
  const last = await ledger.send([voting(world, c, proposal)], [c.identity]);
  expect(eventsInLogs(last.logs, addresses.programId)).toEqual([
    { name: 'ProposalVoted', data: { proposal, validator: c.address, yesStake: 6n * SOL, passed: 1 } },
  ]);
  expect(await readProposal(world, proposal)).toMatchObject({
    yesStake: 6n * SOL,
    passedEpoch: 3n,
    executableFromEpoch: 8n,
  });
});

test('P-37: a pause passes with more than half and waits for nothing', async () => {
  const { world, a, b, c, proposal } = await asked(PAUSE, [2n, 2n, 4n]);
  await sendYes(world, a, proposal);
  await sendYes(world, b, proposal);
  // Half is not more than half.
  expect(await readProposal(world, proposal)).toMatchObject({ yesStake: 4n * SOL, passedEpoch: NONE });
  await sendYes(world, c, proposal);
  expect(await readProposal(world, proposal)).toMatchObject({ passedEpoch: 0n, executableFromEpoch: 0n });
  const { world: other, a: x, b: y, proposal: paused } = await asked(PAUSE);
  await sendYes(other, x, paused);
  await sendYes(other, y, paused);
  expect(await readProposal(other, paused)).toMatchObject({ yesStake: 4n * SOL, passedEpoch: 0n });
});

test('P-36: what has passed takes no vote, and what has not takes them for 64 epochs', async () => {
  const { world, a, b, c, proposal } = await asked(PAUSE);
  await sendYes(world, a, proposal);
  await sendYes(world, b, proposal);
  await refused(sendYes(world, c, proposal), 'TooLate');
  const slow = await sendPropose(world, a, 1n, FEE);
  await untilEpoch(world, 64n);
  await sendYes(world, a, slow);
  await untilEpoch(world, 65n);
  await refused(sendYes(world, b, slow), 'TooLate');
});

test('P-36: who came later has no weight in the proposal’s epoch', async () => {
  const { world, proposal } = await asked(FEE);
  const { ledger, addresses, operator } = world;
  const late = member(addresses, 'late validator', operator);
  await ledger.fund(late.identity.publicKey, SOL);
  const keys = { owner: operator.publicKey, identity: late.identity.publicKey };
  await ledger.send([registerValidator(addresses, { ...keys, bond: 200n * SOL })], [operator, late.identity]);
  await untilEpoch(world, 2n);
  await refused(sendYes(world, late, proposal), 'NotActive');
  // Nor does its stake move what the vote is held against.
  expect(await readProposal(world, proposal)).toMatchObject({ totalStake: 6n * SOL, yesStake: 0n });
});

test('P-27, P-36: weights that are forgotten do not vote', async () => {
  const world = await buildWorld(liteSvmLedger(), { stakes: [2n, 2n, 2n] });
  await startWorld(world);
  const [a, b] = world.validators as [Member, Member];
  const { ledger, addresses } = world;
  await untilEpoch(world, 9n);
  const proposal = await sendPropose(world, a, 0n, FEE);
  // Eight changes after epoch 9, which only stakes that move every epoch make.
  const { data, lamports } = (await ledger.account(b.address)) ?? { data: new Uint8Array(), lamports: 0n };
  const bytes = Uint8Array.from(data);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 8; i++) view.setBigUint64(576 + 16 * i, 17n - BigInt(i), true);
  ledger.setAccount({ address: b.address, data: bytes, lamports, owner: addresses.programId });
  await untilEpoch(world, 20n);
  await refused(sendYes(world, b, proposal), 'TooLate');
});

test('P-36: refuses every account that is another, and a silent identity', async () => {
  const { world, a, b, proposal } = await asked(FEE);
  const { ledger, addresses, operator } = world;
  const [worker] = world.workers as [Member];
  const base = voting(world, a, proposal);
  const other = await sendPropose(world, a, 1n, FEE);
  const swaps: readonly [number, Uint8Array, string][] = [
    [1, addresses.vault, 'BadOwner'],
    [2, b.address, 'WrongIdentity'],
    [2, worker.address, 'WrongRole'],
    [3, other, 'BadPda'],
    [3, a.address, 'BadOwner'],
    [4, addresses.ballot(proposal, b.address), 'BadPda'],
    [4, addresses.ballot(other, a.address), 'BadPda'],
    [4, other, 'AlreadyVoted'],
  ];
  for (const [position, by, error] of swaps) {
    await refused(ledger.send([withAccount(base, position, by)], [a.identity]), error);
  }
  await refused(ledger.send([withAccount(base, 0, operator.publicKey)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(base, 0)], [operator]), 'WrongIdentity');
  expect((await readProposal(world, proposal)).yesStake).toBe(0n);
  expect(await lamportsOf(world, addresses.ballot(proposal, a.address))).toBe(0n);
});
