import { eventsInLogs, openEscrow, settleEscrow } from '@karmesh/sdk/program';
import type { Settlement } from '@karmesh/sdk/protocol';
import { expect, test } from 'vitest';
import { withAccount } from './bent.ts';
import {
  type BuiltReport,
  makeReport,
  sendSettle,
  settlement,
  toFinalised,
  toReported,
  toVerdicts,
} from './epochSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, readEpoch, readEscrow, readVault, SOL, startWorld, type World } from './world.ts';

/** A world whose report settles the given escrows, after its quorum. */
async function reportedWorld(of: (world: World, second: Uint8Array) => readonly Settlement[]) {
  const world = await buildWorld(await testLedger());
  const buyer = namedKey('second buyer');
  const second = world.addresses.escrow(world.gateway.address, buyer.publicKey);
  await world.ledger.fund(buyer.publicKey, 10n * SOL);
  const open = openEscrow(world.addresses, { buyer: buyer.publicKey, gateway: world.gateway.address, amount: SOL });
  await world.ledger.send([open], [buyer]);
  await startWorld(world);
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements: of(world, second) });
  await toReported(world, built);
  return { world, built, second };
}

function instruction(
  world: World,
  built: BuiltReport,
  changed: Partial<Settlement> & { readonly index?: number } = {},
) {
  const index = changed.index ?? 0;
  const row = built.settlements[index] as Settlement;
  return settleEscrow(world.addresses, {
    ...row,
    ...changed,
    epoch: built.epoch,
    index,
    path: built.trees.settlements.path(index),
  });
}

test('P-19: moves the debits of two escrows to the vault', async () => {
  const { world, built, second } = await reportedWorld((w, s) => [
    settlement(w, 3n * SOL),
    { escrow: s, cumulativeAfter: SOL, debit: SOL },
  ]);
  const before = await readVault(world);
  const { logs } = await sendSettle(world, built, 1);
  expect(eventsInLogs(logs, world.addresses.programId)).toEqual([
    { name: 'EscrowSettled', data: { epoch: 0n, escrow: second, debit: SOL } },
  ]);
  expect(await readEpoch(world, 0n)).toMatchObject({ settledCount: 1, settledLamports: SOL });
  await sendSettle(world, built, 0);
  expect(await readEpoch(world, 0n)).toMatchObject({ settledCount: 2, settledLamports: 4n * SOL });
  expect(await readEscrow(world, second)).toMatchObject({ balance: 0n, cumulativeDebit: SOL, lastSettledEpoch: 0n });
  expect(await readEscrow(world, world.escrow)).toMatchObject({ balance: 7n * SOL, cumulativeDebit: 3n * SOL });
  const after = await readVault(world);
  expect([after.received, after.lamports - before.lamports]).toEqual([4n * SOL, 4n * SOL]);
});

test('P-19: refuses a second time', async () => {
  const { world, built } = await reportedWorld((w) => [settlement(w, SOL)]);
  await sendSettle(world, built, 0);
  await refused(sendSettle(world, built, 0), 'AlreadySettled');
});

test('P-19: refuses a path that does not reach the root, with every part bent', async () => {
  const { world, built, second } = await reportedWorld((w, s) => [
    settlement(w, 3n * SOL),
    { escrow: s, cumulativeAfter: SOL, debit: SOL },
  ]);
  const { ledger, operator, addresses } = world;
  const refuse = async (bent: ReturnType<typeof instruction>, error = 'BadPath') =>
    await refused(ledger.send([bent], [operator]), error);
  await refuse(instruction(world, built, { debit: 3n * SOL - 1n, cumulativeAfter: 3n * SOL - 1n }));
  await refuse(instruction(world, built, { cumulativeAfter: 4n * SOL }));
  await refuse(withAccount(instruction(world, built), 2, second));
  const [row] = built.settlements as [Settlement];
  const base = { ...row, epoch: 0n, index: 0, path: built.trees.settlements.path(0) };
  await refuse(settleEscrow(addresses, { ...base, index: 1 }));
  await refuse(settleEscrow(addresses, { ...base, index: 2 }));
  await refuse(settleEscrow(addresses, { ...base, path: [] }));
  await refuse(settleEscrow(addresses, { ...base, path: [...base.path, { hash: namedHash('more'), sums: [0n] }] }));
  const [sibling] = base.path;
  const node = { hash: sibling?.hash ?? namedHash('none'), sums: [SOL - 1n] };
  await refuse(settleEscrow(addresses, { ...base, path: [node] }));
  await refuse(settleEscrow(addresses, { ...base, path: [{ ...node, sums: [2n ** 64n - 1n] }] }), 'Overflow');
});

test('P-19: refuses a debit that does not continue the escrow, and more than it holds', async () => {
  const { world, built } = await reportedWorld((w) => [settlement(w, SOL, 2n * SOL)]);
  await refused(sendSettle(world, built, 0), 'BadAmount');
  const short = await reportedWorld((w) => [settlement(w, 10n * SOL + 1n)]);
  await refused(sendSettle(short.world, short.built, 0), 'EscrowShort');
  const less = await reportedWorld((w) => [settlement(w, SOL, SOL - 1n)]);
  await refused(sendSettle(less.world, less.built, 0), 'Overflow');
});

test('P-19: pays the last lamport above the rent', async () => {
  const { world, built } = await reportedWorld((w) => [settlement(w, 10n * SOL)]);
  await sendSettle(world, built, 0);
  expect(await lamportsOf(world, world.escrow)).toBe(await world.ledger.rent(160));
});

test('P-19: refuses before the quorum, after the epoch is final, and foreign accounts', async () => {
  const world = await buildWorld(await testLedger());
  await startWorld(world);
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements: [settlement(world, SOL)] });
  await toVerdicts(world, 0n);
  await refused(sendSettle(world, built, 0), 'BadState');

  const final = await buildWorld(await testLedger());
  await startWorld(final);
  await toFinalised(final, built);
  await refused(sendSettle(final, built, 0), 'BadState');

  const reported = await reportedWorld((w) => [settlement(w, SOL)]);
  const { ledger, operator, buyer } = reported.world;
  const settle = instruction(reported.world, reported.built);
  await refused(ledger.send([withAccount(settle, 2, buyer.publicKey)], [operator]), 'BadOwner');
  await refused(ledger.send([withAccount(settle, 3, buyer.publicKey)], [operator]), 'BadOwner');
});
