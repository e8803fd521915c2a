import { expect, test } from 'vitest';
import { dialableAddress, isOnLan } from './addresses.ts';

const peer = '12D3KooWGDES18njQL31wNLzzvrMnvS8mnJAAMaHXN59Zt2uK7d5';
const other = '12D3KooWFAqeAuaTcLrFrmvjkw4fZPpfToyYf5Dfnz9cyajtj4Hk';

test.each([
  [`/ip4/127.0.0.1/tcp/4001/p2p/${peer}`, `/ip4/127.0.0.1/tcp/4001/p2p/${peer}`],
  ['/ip6/::1/tcp/4001', `/ip6/::1/tcp/4001/p2p/${peer}`],
  ['/dns4/node.example/tcp/4001', `/dns4/node.example/tcp/4001/p2p/${peer}`],
  ['/ip4/127.0.0.1/tcp/4001/ws', `/ip4/127.0.0.1/tcp/4001/ws/p2p/${peer}`],
  [`/dns4/node.example/tcp/443/tls/ws/p2p/${peer}`, `/dns4/node.example/tcp/443/tls/ws/p2p/${peer}`],
  [`/ip4/127.0.0.1/tcp/4001/p2p/${other}/p2p-circuit`, `/ip4/127.0.0.1/tcp/4001/p2p/${other}/p2p-circuit/p2p/${peer}`],
])('%s is dialled as %s', (text, expected) => {
  expect(dialableAddress(text, peer)?.toString()).toBe(expected);
});

test.each([
  ['', 'nothing'],
  ['127.0.0.1:4001', 'no multiaddr'],
  [`/ip4/127.0.0.1/tcp/4001/p2p/${other}`, 'another peer'],
  ['/ip4/127.0.0.1/udp/4001/quic-v1', 'another transport'],
  ['/ip4/127.0.0.1/tcp/4001/ws/x-parity-ws', 'another layer'],
  ['/unix/tmp%2fsocket', 'a path'],
  [`/ip4/127.0.0.1/tcp/4001/p2p/${peer}/p2p-circuit/p2p/${other}`, 'another peer behind a relay'],
  [`/ip4/127.0.0.1/tcp/4001/p2p-circuit/p2p/${peer}`, 'a relay without a name'],
  [`/p2p-circuit/p2p/${peer}`, 'no relay'],
  [`/ip4/127.0.0.1/tcp/4001/p2p/${other}/p2p-circuit/ip4/127.0.0.1/tcp/1/p2p/${peer}`, 'an address behind a relay'],
  ['/tcp/4001', 'no host'],
  [`/p2p/${peer}`, 'no address'],
])('%s (%s) is refused', (text) => {
  expect(dialableAddress(text, peer)).toBeUndefined();
});

test.each([
  ['/ip4/127.0.0.1/tcp/0', false],
  ['/ip6/::1/tcp/0', false],
  ['/ip4/0.0.0.0/tcp/4001', true],
  ['/ip4/192.168.1.4/tcp/0/ws', true],
  ['/ip6/::/tcp/0', true],
  ['/p2p-circuit', false],
  ['nonsense', false],
])('%s listens on the local network: %s', (listen, expected) => {
  expect(isOnLan(listen)).toBe(expected);
});
