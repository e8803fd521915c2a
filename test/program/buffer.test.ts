import { bufferSize, closeBuffer, decodeBuffer, openBuffer, toPublicKey, writeBuffer } from '@karmesh/sdk/program';
import { bufferContent } from '@karmesh/sdk/protocol';
import { SystemProgram } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { unsigned, withAccount } from './bent.ts';
import { fundedFinder, sendCloseBuffer } from './evidenceSteps.ts';
import { liteSvmLedger } from './ledger/liteSvmLedger.ts';
import { refused } from './refused.ts';
import { buildWorld, lamportsOf, must } from './world.ts';

async function openedBuffer(size = 100) {
  const world = await buildWorld(liteSvmLedger());
  const { ledger, addresses } = world;
  const owner = await fundedFinder(world);
  const of = { owner: owner.publicKey, nonce: 5n };
  await ledger.send([openBuffer(addresses, { ...of, size })], [owner]);
  const write = (offset: number, bytes: Uint8Array) =>
    ledger.send([writeBuffer(addresses, { ...of, offset, bytes })], [owner]);
  const address = addresses.buffer(owner.publicKey, 5n);
  const read = async () => decodeBuffer(await must(ledger.account(address)));
  return { world, owner, of, write, read, address };
}

test('P-40: holds what its owner wrote, and pays the rent back', async () => {
  const { world, owner, write, read, address } = await openedBuffer();
  await write(0, new Uint8Array([1, 2, 3]));
  await write(98, new Uint8Array([8, 9]));
  await write(1, new Uint8Array([7]));
  await write(100, new Uint8Array());
  const content = new Uint8Array(100);
  content.set([1, 7, 3]);
  content.set([8, 9], 98);
  expect(await read()).toMatchObject({ owner: owner.publicKey, nonce: 5n, content });
  const before = await lamportsOf(world, owner.publicKey);
  await sendCloseBuffer(world, owner, 5n);
  expect((await lamportsOf(world, owner.publicKey)) - before).toBe((await world.ledger.rent(bufferSize(100))) - 5_000n);
  expect(await world.ledger.account(address)).toBeUndefined();
  await refused(write(0, new Uint8Array([1])), 'BadOwner');
});

test('P-40: nothing is written behind the end', async () => {
  const { write, read } = await openedBuffer();
  await refused(write(99, new Uint8Array(2)), 'BadBuffer');
  await refused(write(101, new Uint8Array()), 'BadBuffer');
  await refused(write(0xffff_ffff, new Uint8Array(1)), 'BadBuffer');
  expect((await read()).content).toEqual(new Uint8Array(100));
});

test('P-40: a size is 4 more than a multiple of 8 and at most 10,180', async () => {
  const { world, owner } = await openedBuffer(10_180);
  const open = (size: number) =>
    world.ledger.send([openBuffer(world.addresses, { owner: owner.publicKey, nonce: 6n, size })], [owner]);
  for (const size of [0, 3, 5, 8, 99, 10_184, 10_188, 0xffff_fffc]) await refused(open(size), 'BadBuffer');
  await open(4);
  await refused(open(4), 'AlreadyInitialised');
  expect([0, 1, 4, 5, 12, 13].map((length) => bufferContent(new Uint8Array(length)).length)).toEqual([
    4, 4, 4, 12, 12, 20,
  ]);
});

test('P-40: only the owner writes and closes', async () => {
  const { world, of, owner } = await openedBuffer();
  const { ledger, addresses, operator } = world;
  const writing = writeBuffer(addresses, { ...of, offset: 0, bytes: new Uint8Array([1]) });
  for (const instruction of [writing, closeBuffer(addresses, of)]) {
    await refused(ledger.send([withAccount(instruction, 0, operator.publicKey)], [operator]), 'BadOwner');
    await refused(ledger.send([unsigned(instruction, 0)], [operator]), 'BadOwner');
    await refused(ledger.send([withAccount(instruction, 1, addresses.config)], [owner]), 'BadOwner');
  }
});

test('P-40: what was ended is not revived by lamports, and begins anew with nothing in it, in one transaction, too', async () => {
  const { world, owner, of, write, read, address } = await openedBuffer();
  const { ledger, addresses } = world;
  await write(0, new Uint8Array(100).fill(7));
  const close = closeBuffer(addresses, of);
  const revive = SystemProgram.transfer({
    fromPubkey: toPublicKey(owner.publicKey),
    toPubkey: toPublicKey(address),
    lamports: await ledger.rent(bufferSize(100)),
  });
  const use = writeBuffer(addresses, { ...of, offset: 1, bytes: new Uint8Array([1]) });
  await refused(ledger.send([close, revive, use], [owner]), 'BadOwner');
  const reopen = openBuffer(addresses, { ...of, size: 100 });
  await ledger.send([close, revive, reopen, use], [owner]);
  const content = new Uint8Array(100);
  content.set([1], 1);
  expect((await read()).content).toEqual(content);
  await ledger.send([close, reopen], [owner]);
  expect((await read()).content).toEqual(new Uint8Array(100));
});
