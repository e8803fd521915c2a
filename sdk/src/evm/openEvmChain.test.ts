import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { afterEach, expect, test } from 'vitest';
import { toHex } from '../protocol/bytes.ts';
import { parseEvmAddress } from './evmAddress.ts';
import { openEvmChain } from './openEvmChain.ts';
import { connectProofs } from './proofsContract.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A node that answers each method with what it is told, and nothing to the others. */
async function serve(answers: Readonly<Record<string, unknown>>): Promise<string> {
  const server = createServer(async (request, response) => {
    const asked = JSON.parse(await text(request)) as { id: number; method: string } | { id: number; method: string }[];
    const answer = ({ id, method }: { id: number; method: string }) => ({
      jsonrpc: '2.0',
      id,
      ...(answers[method] ?? {}),
    });
    if ((Array.isArray(asked) ? asked : [asked]).some(({ method }) => !(method in answers))) return;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(Array.isArray(asked) ? asked.map(answer) : answer(asked)));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const { signal } = new AbortController();
const chainId = { result: '0x7a69' };
/** What `NoQuorum(uint256,uint256)` begins with. */
const NO_QUORUM = `0x${toHex(keccak_256(new TextEncoder().encode('NoQuorum(uint256,uint256)')).subarray(0, 4))}`;
const address = parseEvmAddress(`0x${'11'.repeat(20)}`);

test('a node that is not there cannot be reached', async () => {
  const url = await serve({});
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  await expect(openEvmChain({ url, signal })).rejects.toMatchObject({
    code: 'RPC_UNREACHABLE',
    message: 'The EVM chain’s node could not be reached.',
    facts: { what: 'eth_chainId' },
  });
});

test('who no longer waits is let go', async () => {
  const url = await serve({});
  const ending = new AbortController();
  const opening = openEvmChain({ url, signal: ending.signal });
  ending.abort();
  await expect(opening).rejects.toMatchObject({ code: 'ABORTED', facts: { what: 'eth_chainId' } });
});

test('only HTTP is spoken', async () => {
  await expect(openEvmChain({ url: 'ws://127.0.0.1:1', signal })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('an answer that is none is the node’s fault', async () => {
  const url = await serve({ eth_chainId: { result: 'many' } });
  await expect(openEvmChain({ url, signal })).rejects.toMatchObject({
    code: 'RPC_FAILED',
    facts: { what: 'eth_chainId' },
  });
});

test('an address without a contract is no contract of ours', async () => {
  using chain = await openEvmChain({
    url: await serve({ eth_chainId: { result: '0x7a69' }, eth_getCode: { result: '0x' } }),
    signal,
  });
  expect(chain.chainId).toBe(31_337n);
  await expect(connectProofs(address, { runner: chain.runner, signal })).rejects.toMatchObject({
    code: 'PROGRAM_MISMATCH',
    message: 'There is no contract at this address.',
    facts: { address, chainId: 31_337n },
  });
});

test('what a node refuses is said with its words', async () => {
  const refused = { error: { code: -32_005, message: 'daily request count exceeded' } };
  using chain = await openEvmChain({
    url: await serve({ eth_chainId: { result: '0x7a69' }, eth_getCode: refused }),
    signal,
  });
  await expect(connectProofs(address, { runner: chain.runner, signal })).rejects.toMatchObject({
    code: 'RPC_FAILED',
    facts: { what: 'connect', message: expect.stringContaining('daily request count exceeded') },
  });
});

test.each([
  ['nothing', '0x'],
  ['three bytes', '0x010203'],
  ['a name of ours and half of what belongs to it', `${NO_QUORUM}${'00'.repeat(40)}`],
  ['a name of another contract', '0x01020304'],
])('a call that reverts with %s has failed', async (_name, data) => {
  const reverted = { error: { code: 3, message: 'execution reverted', data } };
  const url = await serve({ eth_chainId: chainId, eth_getCode: { result: '0x00' }, eth_call: reverted });
  using chain = await openEvmChain({ url, signal });
  await expect(connectProofs(address, { runner: chain.runner, signal })).rejects.toMatchObject({
    code: 'TRANSACTION_FAILED',
    message: 'The EVM chain refused the call or the transaction.',
    facts: { what: 'domain' },
  });
});

test('what it reverts with is said by the contract’s name of it', async () => {
  const data = `${NO_QUORUM}${2n.toString(16).padStart(64, '0')}${3n.toString(16).padStart(64, '0')}`;
  const reverted = { error: { code: 3, message: 'execution reverted', data } };
  const url = await serve({ eth_chainId: chainId, eth_getCode: { result: '0x00' }, eth_call: reverted });
  using chain = await openEvmChain({ url, signal });
  await expect(connectProofs(address, { runner: chain.runner, signal })).rejects.toMatchObject({
    code: 'PROGRAM_ERROR',
    message: 'The contract on the EVM chain refused the call.',
    facts: { name: 'NoQuorum', method: 'domain', signedStake: 2n, totalStake: 3n },
  });
});

test('another contract is no contract of ours', async () => {
  const url = await serve({ eth_chainId: chainId, eth_getCode: { result: '0x00' }, eth_call: { result: '0x' } });
  using chain = await openEvmChain({ url, signal });
  await expect(connectProofs(address, { runner: chain.runner, signal })).rejects.toMatchObject({
    code: 'PROGRAM_MISMATCH',
    message: 'The contract at this address answers as another one.',
    facts: { what: 'domain' },
  });
});
