import { NONE, openEscrow } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { namedKey } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, readEscrow, SOL } from './world.ts';

test('P-08: opens an escrow with its balance above the rent', async () => {
  const world = await buildWorld(await testLedger());
  expect(await readEscrow(world, world.escrow)).toEqual({
    address: world.escrow,
    gateway: world.gateway.address,
    buyer: world.buyer.publicKey,
    cumulativeDebit: 0n,
    withdrawAmount: 0n,
    withdrawAfterEpoch: NONE,
    lastSettledEpoch: NONE,
    bump: expect.any(Number),
    authorised: NONE,
    balance: 10n * SOL,
  });
  expect(await lamportsOf(world, world.escrow)).toBe((await world.ledger.rent(160)) + 10n * SOL);
});

test('P-08: an escrow may begin empty, and what a stranger sent there before is its balance', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, gateway } = world;
  const buyer = namedKey('second buyer');
  await ledger.fund(buyer.publicKey, SOL);
  const escrow = addresses.escrow(gateway.address, buyer.publicKey);
  await ledger.fund(escrow, 5n * SOL);
  const opening = { buyer: buyer.publicKey, gateway: gateway.address, amount: 0n, authorised: 7n };
  await ledger.send([openEscrow(addresses, opening)], [buyer]);
  expect(await readEscrow(world, escrow)).toMatchObject({
    balance: 5n * SOL - (await ledger.rent(160)),
    authorised: 7n,
  });
});

test('P-08: refuses a second one, a participant that is no gateway, no signature and a wrong address', async () => {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, gateway, buyer, operator, validators } = world;
  const open = (at: Uint8Array) => openEscrow(addresses, { buyer: buyer.publicKey, gateway: at, amount: 1n });
  await refused(ledger.send([open(gateway.address)], [buyer]), 'AlreadyInitialised');
  await refused(ledger.send([open(validators[0]?.address ?? gateway.address)], [buyer]), 'WrongRole');
  await refused(ledger.send([open(addresses.config)], [buyer]), 'BadOwner');
  await refused(ledger.send([withAccount(open(gateway.address), 2, addresses.vault)], [buyer]), 'BadPda');
  const second = namedKey('second buyer');
  const silent = openEscrow(addresses, { buyer: second.publicKey, gateway: gateway.address, amount: 1n });
  await refused(ledger.send([unsigned(silent, 0)], [operator]), 'WrongIdentity');
});
