import { expect, test } from 'vitest';
import { toBase58 } from '../program/address.ts';
import { chainReader } from './chainReader.ts';

const signal = AbortSignal.timeout(10_000);
const address = new Uint8Array(32).fill(1);

/** A reader of a node that answers every request with `result`, and what it was asked. */
function readerOf(result: unknown) {
  const asked: { readonly method: string; readonly params: readonly unknown[] }[] = [];
  const fetch: typeof globalThis.fetch = async (_, init) => {
    asked.push(JSON.parse(String(init?.body)));
    return Response.json({ jsonrpc: '2.0', id: 1, result });
  };
  return { asked, reader: chainReader({ rpcUrl: 'https://node.example/secret-key', fetch }) };
}

test('reads the slot and an account’s transactions', async () => {
  const { asked, reader } = readerOf(77);
  expect(await reader.slot({ signal })).toBe(77n);
  expect(asked[0]).toMatchObject({ method: 'getSlot', params: [{ commitment: 'confirmed' }] });

  const signature = '2'.repeat(88);
  const listed = readerOf([
    { signature, slot: 9, err: null, memo: null },
    { signature, slot: 8, err: { InstructionError: [0, 'Custom'] } },
  ]);
  expect(await listed.reader.transactions(address, { signal })).toEqual([
    { signature, slot: 9n, isFailed: false },
    { signature, slot: 8n, isFailed: true },
  ]);
  expect(listed.asked[0]).toMatchObject({
    method: 'getSignaturesForAddress',
    params: [toBase58(address), { limit: 20, commitment: 'confirmed' }],
  });
});

test('accounts that are not there are left out, and nothing is asked for nothing', async () => {
  const { asked, reader } = readerOf({ context: { slot: 1 }, value: [null, null] });
  expect(await reader.epochs([1n, 2n], { signal })).toEqual([]);
  expect(await reader.votes(1n, [], { signal })).toEqual([]);
  expect(asked.map(({ method }) => method)).toEqual(['getMultipleAccounts']);
});

test('scans for participants by the size of their account', async () => {
  const { asked, reader } = readerOf([]);
  expect(await reader.participants({ signal })).toEqual([]);
  expect(asked[0]?.params[1]).toEqual({
    encoding: 'base64',
    commitment: 'confirmed',
    filters: [{ dataSize: 832 }],
  });
});

test('refuses what has another form or is too much, and names the node by its origin alone', async () => {
  const { reader } = readerOf({ value: 'x'.repeat(10) });
  const failed = { code: 'RPC_FAILED', facts: { node: 'https://node.example' } };
  await expect(reader.slot({ signal })).rejects.toMatchObject(failed);
  await expect(reader.participants({ signal })).rejects.toMatchObject(failed);
  await expect(reader.epochs([1n], { signal })).rejects.toMatchObject(failed);
  const epochs = Array.from({ length: 101 }, (_, i) => BigInt(i));
  await expect(reader.epochs(epochs, { signal })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});
