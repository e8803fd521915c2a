import { expect, test } from 'vitest';
import { pause, rpcRequest } from './rpc.ts';

const signal = new AbortController().signal;
/** Some providers have the key in the path. */
const connection = { rpcEndpoint: 'https://rpc.example/key-of-mine' };
const never = (): Promise<never> => new Promise(() => undefined);

test('gives what the node answers', async () => {
  expect(await rpcRequest(connection, 'getSlot', { signal }, async () => 7)).toBe(7);
});

test('a signal ends a request that hangs, before and during it', async () => {
  const stop = new AbortController();
  const waiting = rpcRequest(connection, 'getSlot', { signal: stop.signal }, never);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', facts: { method: 'getSlot' } });
  await expect(rpcRequest(connection, 'getSlot', { signal: stop.signal }, never)).rejects.toMatchObject({
    code: 'ABORTED',
  });
});

test('a node that does not answer in time is unreachable', async () => {
  await expect(rpcRequest(connection, 'getSlot', { signal, timeoutMs: 5 }, never)).rejects.toMatchObject({
    code: 'RPC_UNREACHABLE',
    facts: { method: 'getSlot', node: 'https://rpc.example', timeoutMs: 5 },
  });
});

test.each([
  ['a refused connection', new TypeError('fetch failed'), 'RPC_UNREACHABLE'],
  ['a gateway without a node', new Error('503 Service Unavailable'), 'RPC_UNREACHABLE'],
  ['an error of the node', new Error('failed to get slot: Method not found'), 'RPC_FAILED'],
  ['something that is no error', 'odd', 'RPC_FAILED'],
])('%s has its code', async (_, cause, code) => {
  await expect(rpcRequest(connection, 'getSlot', { signal }, () => Promise.reject(cause))).rejects.toMatchObject({
    code,
    cause,
  });
});

test('a pause ends with its time or its signal', async () => {
  await pause(1, signal);
  const stop = new AbortController();
  const waiting = pause(1_000_000, stop.signal);
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
  await expect(pause(1, stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
});
