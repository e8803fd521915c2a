import { type Asked, eventsInLogs, NONE, PROPOSAL_KIND } from '@karmesh/sdk/program';
import { CHAIN_PARAMETERS } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { unsigned, withAccount, withData } from './bent.ts';
import { proposing, readProposal, sendPropose, untilEpoch } from './governanceSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, type Member, member, SOL, startWorld, type World } from './world.ts';

const MOST = 0xffff_ffff_ffff_ffffn;
const place = (name: (typeof CHAIN_PARAMETERS)[number]) => CHAIN_PARAMETERS.indexOf(name);
const FEE: Asked = { kind: 'parameter', index: place('feeShareBps'), value: 600n };

async function started(): Promise<World> {
  const world = await buildWorld(await testLedger(), { stakes: [2n, 3n, 4n] });
  await startWorld(world);
  return world;
}

test('P-36: notes what is asked, whose weights count and who pays', async () => {
  const world = await started();
  const { ledger, addresses } = world;
  const [a] = world.validators as [Member];
  await untilEpoch(world, 2n);
  const { logs } = await ledger.send([proposing(world, a, 7n, FEE)], [a.identity]);
  const proposal = addresses.proposal(a.address, 7n);
  expect(await readProposal(world, proposal)).toEqual({
    address: proposal,
    proposer: a.address,
    payer: a.identity.publicKey,
    recipient: new Uint8Array(32),
    nonce: 7n,
    value: 600n,
    epoch: 2n,
    totalStake: 9n * SOL,
    yesStake: 0n,
    passedEpoch: NONE,
    executableFromEpoch: NONE,
    index: 11,
    kind: PROPOSAL_KIND.parameter,
    executed: 0,
    bump: expect.any(Number),
  });
  expect(eventsInLogs(logs, addresses.programId)).toEqual([
    {
      name: 'Proposed',
      data: { proposal, proposer: a.address, kind: 1, index: 11, value: 600n, recipient: new Uint8Array(32) },
    },
  ]);
  await refused(sendPropose(world, a, 7n, FEE), 'AlreadyInitialised');
  const payment: Asked = { kind: 'payment', lamports: MOST, recipient: namedHash('somebody') };
  const second = await sendPropose(world, a, MOST, payment);
  expect(await readProposal(world, second)).toMatchObject({ kind: 3, value: MOST, recipient: namedHash('somebody') });
});

test.each<[string, Asked, string]>([
  ['a parameter that there is not', { kind: 'parameter', index: CHAIN_PARAMETERS.length, value: 1n }, 'BadParameter'],
  ['the largest place', { kind: 'parameter', index: 0xffff, value: 1n }, 'BadParameter'],
  ['the length of epochs', { kind: 'parameter', index: place('slotsPerEpoch'), value: 128n }, 'BadParameter'],
  ['less than a bound', { kind: 'parameter', index: place('feeShareBps'), value: 99n }, 'BadParameter'],
  ['more than a bound', { kind: 'parameter', index: place('feeShareBps'), value: 2_001n }, 'BadParameter'],
  [
    'evidence longer than accounts stay',
    { kind: 'parameter', index: place('evidenceEpochs'), value: 64n },
    'BadParameter',
  ],
  ['a pause of no epoch', { kind: 'pause', epochs: 0n }, 'BadProposal'],
  ['a pause of nine', { kind: 'pause', epochs: 9n }, 'BadProposal'],
  ['a payment of nothing', { kind: 'payment', lamports: 0n, recipient: namedHash('somebody') }, 'BadProposal'],
  ['a payment to nobody', { kind: 'payment', lamports: 1n, recipient: new Uint8Array(32) }, 'BadProposal'],
])('P-36: refuses %s', async (_, asked, error) => {
  const world = await started();
  const [a] = world.validators as [Member];
  await refused(sendPropose(world, a, 0n, asked), error);
  expect(await world.ledger.account(world.addresses.proposal(a.address, 0n))).toBeUndefined();
});

test('P-36: what a kind does not use is zero, and there are three kinds', async () => {
  const world = await started();
  const [a] = world.validators as [Member];
  const { ledger } = world;
  const base = proposing(world, a, 0n, { kind: 'pause', epochs: 1n });
  // Data: discriminator 8, nonce 8, kind 1, index 2, value 8, recipient 32.
  const bent = (at: number, byte: number) => {
    const data = Uint8Array.from(base.data);
    data[at] = byte;
    return ledger.send([withData(base, data)], [a.identity]);
  };
  for (const [at, byte] of [
    [16, 0],
    [16, 4],
    [16, 255],
    [17, 1],
    [18, 1],
    [27, 1],
    [58, 1],
  ] as const) {
    await refused(bent(at, byte), 'BadProposal');
  }
});

test('P-36: only a validator that is active asks, with its newest key, for itself and at its own address', async () => {
  const world = await buildWorld(await testLedger(), { stakes: [2n, 3n, 4n] });
  const { ledger, addresses, operator, gateway } = world;
  const [a, b] = world.validators as [Member, Member];
  const [worker] = world.workers as [Member];
  await refused(sendPropose(world, a, 0n, FEE), 'NotStarted');
  await startWorld(world);
  const base = proposing(world, a, 0n, FEE);
  const another = addresses.proposal(a.address, 1n);
  const swaps: readonly [number, Uint8Array, string][] = [
    [1, addresses.vault, 'BadOwner'],
    [2, b.address, 'WrongIdentity'],
    [2, worker.address, 'WrongRole'],
    [2, gateway.address, 'WrongRole'],
    [2, addresses.config, 'BadOwner'],
    [3, another, 'BadPda'],
    [3, addresses.proposal(b.address, 0n), 'BadPda'],
  ];
  for (const [position, by, error] of swaps) {
    await refused(ledger.send([withAccount(base, position, by)], [a.identity]), error);
  }
  await refused(ledger.send([withAccount(base, 0, operator.publicKey)], [operator]), 'WrongIdentity');
  await refused(ledger.send([unsigned(base, 0)], [operator]), 'WrongIdentity');
  const stranger = { ...member(addresses, 'stranger', operator), identity: namedKey('stranger') };
  await ledger.fund(stranger.identity.publicKey, SOL);
  await refused(sendPropose(world, stranger, 0n, FEE), 'BadOwner');
});
