import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { checkBootstrap, checkPorts, tcpPlaceOf } from './checkPorts.ts';

const { signal } = new AbortController();

test('the TCP part of a multiaddr is found, a relay has none', () => {
  expect(tcpPlaceOf('/ip4/10.0.0.1/tcp/4001/p2p/12D3KooW')).toEqual({ host: '10.0.0.1', port: 4001 });
  expect(tcpPlaceOf('/dns4/peer.example/tcp/443/tls/ws')).toEqual({ host: 'peer.example', port: 443 });
  expect(tcpPlaceOf('/p2p-circuit')).toBeUndefined();
});

test('a port that is taken fails unless the validator itself has it, and a peer that is silent is named', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const place = { host: '127.0.0.1', port };
  const peer = `/ip4/127.0.0.1/tcp/${port}`;
  expect((await checkPorts([place], { isRunning: false })).severity).toBe('failed');
  expect((await checkPorts([place], { isRunning: true })).severity).toBe('ok');
  expect((await checkBootstrap([peer], { isLocal: false, signal })).severity).toBe('ok');
  expect(await checkBootstrap([peer, '/p2p-circuit'], { isLocal: false, signal })).toMatchObject({
    severity: 'warning',
    sentence: '1 of 2 bootstrap peers do not answer: /p2p-circuit.',
  });
  server.close();
  await once(server, 'close');
  expect((await checkPorts([place], { isRunning: false })).severity).toBe('ok');
  expect((await checkBootstrap([peer], { isLocal: true, signal })).severity).toBe('failed');
  expect((await checkBootstrap([], { isLocal: true, signal })).severity).toBe('warning');
  expect((await checkBootstrap([], { isLocal: false, signal })).severity).toBe('failed');
});
