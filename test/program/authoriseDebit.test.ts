import { signVoucher } from '@karmesh/sdk/client';
import { authoriseDebit, eventsInLogs, NONE, openEscrow, redeemVoucher } from '@karmesh/sdk/program';
import { voucherRecord } from '@karmesh/sdk/protocol';
import type { Keypair } from '@karmesh/sdk/runtime';
import { Ed25519Program, SystemProgram, TransactionInstruction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { unsigned, withAccount, withData } from './bent.ts';
import { makeReport, sendSettle, settlement, toReported } from './epochSteps.ts';
import { namedHash, namedKey } from './keys.ts';
import { testLedger } from './ledger/testLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, readEscrow, SOL, startWorld, type World } from './world.ts';

/** The world with an escrow that stands for 5 lamports. */
async function vouching() {
  const world = await buildWorld(await testLedger());
  const { ledger, addresses, gateway } = world;
  const buyer = namedKey('vouching buyer');
  await ledger.fund(buyer.publicKey, 50n * SOL);
  const opened = { buyer: buyer.publicKey, gateway: gateway.address, amount: SOL, authorised: 5n };
  await ledger.send([openEscrow(addresses, opened)], [buyer]);
  return { world, buyer, escrow: addresses.escrow(gateway.address, buyer.publicKey) };
}

function redeeming(
  world: World,
  voucher: {
    readonly buyer: Keypair;
    readonly escrow: Uint8Array;
    readonly cumulative: bigint;
    readonly signer?: Keypair;
    readonly domain?: Uint8Array;
  },
) {
  const { buyer, escrow, cumulative, signer = buyer, domain = world.domain } = voucher;
  const signed = signVoucher({ domain, signer, escrow, cumulative });
  return redeemVoucher(world.addresses, { domain, buyer: buyer.publicKey, voucher: signed });
}

test('P-39: anyone brings the buyer’s voucher; a greater one replaces it, and no other does', async () => {
  const { world, buyer, escrow } = await vouching();
  const { ledger, operator, addresses } = world;
  const redeem = (cumulative: bigint) => ledger.send([...redeeming(world, { buyer, escrow, cumulative })], [operator]);
  const { logs } = await redeem(1_000n);
  expect((await readEscrow(world, escrow)).authorised).toBe(1_000n);
  expect(eventsInLogs(logs, addresses.programId)).toEqual([
    { name: 'DebitAuthorised', data: { escrow, authorised: 1_000n } },
  ]);
  for (const cumulative of [0n, 999n, 1_000n]) await refused(redeem(cumulative), 'VoucherOutdated');
  await redeem(1_001n);
  await redeem(NONE);
  expect((await readEscrow(world, escrow)).authorised).toBe(NONE);
  for (const cumulative of [2_000n, NONE]) await refused(redeem(cumulative), 'VoucherOutdated');
});

test('P-39: the buyer raises it by signing, up to a standing authorisation, which nothing lowers', async () => {
  const { world, buyer, escrow } = await vouching();
  const { ledger, operator, addresses } = world;
  const sign = (cumulative: bigint) =>
    ledger.send([authoriseDebit(addresses, { escrow, buyer: buyer.publicKey, cumulative })], [operator, buyer]);
  await refused(sign(5n), 'VoucherOutdated');
  await sign(6n);
  await sign(NONE);
  expect((await readEscrow(world, escrow)).authorised).toBe(NONE);
  await refused(sign(7n), 'VoucherOutdated');
  await refused(sign(NONE), 'VoucherOutdated');
});

test('P-39: refuses another escrow’s voucher, another cluster’s, another amount’s and anybody else’s', async () => {
  const { world, buyer, escrow } = await vouching();
  const { ledger, operator, gateway } = world;
  const own = { buyer, escrow, cumulative: 1_000n };
  const [, act] = redeeming(world, own);
  const bad = [
    redeeming(world, { ...own, escrow: world.escrow })[0],
    redeeming(world, { ...own, domain: namedHash('another cluster') })[0],
    redeeming(world, { ...own, cumulative: 1_001n })[0],
    redeeming(world, { ...own, buyer: gateway.identity })[0],
    redeeming(world, { ...own, buyer: operator })[0],
  ];
  for (const check of bad) await refused(ledger.send([check, act], [operator]), 'NoVoucher');
  // The precompile itself refuses a signature that is not the buyer's.
  const forged = redeeming(world, { ...own, signer: gateway.identity });
  await expect(ledger.send([...forged], [operator])).rejects.toThrow();
  expect((await readEscrow(world, escrow)).authorised).toBe(5n);
  await ledger.send([...redeeming(world, own)], [operator]);
});

test('P-39: refuses a precompile that is elsewhere, of two signatures, or over another instruction’s data', async () => {
  const { world, buyer, escrow } = await vouching();
  const { ledger, operator } = world;
  const [check, act] = redeeming(world, { buyer, escrow, cumulative: 1_000n });
  const [other, actOther] = redeeming(world, { buyer, escrow, cumulative: 900n });
  const nothing = SystemProgram.transfer({
    fromPubkey: Ed25519Program.programId,
    toPubkey: Ed25519Program.programId,
    lamports: 0,
  });
  const idle = new TransactionInstruction({
    ...nothing,
    keys: nothing.keys.map((key) => ({
      ...key,
      pubkey: withAccount(act, 2, operator.publicKey).keys[2]?.pubkey ?? key.pubkey,
    })),
  });
  const send = (...instructions: TransactionInstruction[]) => ledger.send(instructions, [operator]);
  await refused(send(act), 'NoVoucher');
  await refused(send(act, check), 'NoVoucher');
  await refused(send(check, idle, act), 'NoVoucher');
  await refused(send(check, other, act), 'NoVoucher');

  // The same bytes, found in the other instruction: valid for the precompile, and not what this program reads.
  for (const field of [4, 8, 14]) {
    const data = Uint8Array.from(check.data);
    new DataView(data.buffer).setUint16(field, 0, true);
    await refused(send(withData(check, data), act), 'NoVoucher');
    await refused(send(check, withData(check, data), act), 'NoVoucher');
  }
  // Two signatures: the header of the first points where this program would look, and the second's is the same.
  const numbers = check.data.subarray(2, 16);
  const shifted = Uint8Array.from(numbers);
  const view = new DataView(shifted.buffer);
  for (const field of [0, 4, 8]) view.setUint16(field, view.getUint16(field, true) + 14, true);
  const two = Uint8Array.from([2, 0, ...shifted, ...shifted, ...check.data.subarray(16)]);
  await refused(send(withData(check, two), act), 'NoVoucher');
  // A longer message that begins with the voucher's hash is another message.
  const long = Ed25519Program.createInstructionWithPublicKey({
    publicKey: buyer.publicKey,
    message: Uint8Array.from([...voucherRecord.hash(world.domain, { escrow, cumulative: 1_000n }), 0]),
    signature: buyer.sign(Uint8Array.from([...voucherRecord.hash(world.domain, { escrow, cumulative: 1_000n }), 0])),
  });
  await refused(send(long, act), 'NoVoucher');
  expect((await readEscrow(world, escrow)).authorised).toBe(5n);
  // Two vouchers with what acts on each are fine.
  await send(other, actOther, check, act);
  expect((await readEscrow(world, escrow)).authorised).toBe(1_000n);
});

test('P-39: refuses every account that is another, and a silent buyer', async () => {
  const { world, buyer, escrow } = await vouching();
  const { ledger, operator, addresses, gateway } = world;
  const base = authoriseDebit(addresses, { escrow, buyer: buyer.publicKey, cumulative: 1_000n });
  const swaps: readonly [number, Uint8Array, string][] = [
    [0, world.escrow, 'BadOwner'],
    [0, gateway.address, 'BadOwner'],
    [1, addresses.vault, 'BadOwner'],
    [3, addresses.config, 'BadPda'],
  ];
  for (const [position, by, error] of swaps) {
    await refused(ledger.send([withAccount(base, position, by)], [operator, buyer]), error);
  }
  await refused(ledger.send([withAccount(base, 2, operator.publicKey)], [operator]), 'BadOwner');
  await refused(ledger.send([unsigned(base, 2)], [operator]), 'NoVoucher');
});

test('M-07, P-19: no epoch debits an escrow beyond what its buyer authorised', async () => {
  const { world, buyer, escrow } = await vouching();
  const { ledger, operator } = world;
  await startWorld(world);
  const settlements = [{ ...settlement(world, 6n), escrow }];
  const built = await makeReport(world, { epoch: 0n, earned: new Map(), settlements });
  await toReported(world, built);
  await refused(sendSettle(world, built, 0), 'NoVoucher');
  await ledger.send([...redeeming(world, { buyer, escrow, cumulative: 6n })], [operator]);
  await sendSettle(world, built, 0);
  expect(await readEscrow(world, escrow)).toMatchObject({ cumulativeDebit: 6n, authorised: 6n });
});
