import type { PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { beforeEach, expect, test } from 'vitest';
import { generateKeypair } from '../runtime/keypair.ts';
import { type DialTargetsParts, dialTargets } from './dialTargets.ts';
import { parsePeer } from './identity.ts';

const peers = (count: number): readonly PeerId[] =>
  Array.from({ length: count }, () => parsePeer(generateKeypair().publicKey));
const [self, ...others] = peers(30);
const address = multiaddr('/ip4/127.0.0.1/tcp/1');

let nowMs: number;
let connected: readonly PeerId[];
let dialled: number;
beforeEach(() => {
  nowMs = 1_000_000;
  connected = [];
  dialled = 0;
});

function targetsOf(targetPeers: number, parts: Partial<DialTargetsParts> = {}, bootstrap: readonly string[] = []) {
  if (self === undefined) throw new RangeError('There is no peer.');
  const node = {
    peerId: self,
    getConnections: (peer?: PeerId) =>
      connected
        .filter((each) => peer === undefined || each.equals(peer))
        .map((remotePeer) => ({ remotePeer, status: 'open' })),
    dial: async () => {
      dialled += 1;
      throw new Error('Nobody answers.');
    },
  } as unknown as DialTargetsParts['node'];
  return dialTargets(
    { bootstrap: bootstrap.map((text) => multiaddr(text)), targetPeers },
    {
      node,
      addressesFor: () => [address],
      others: () => others.map((peer) => peer.toString()),
      isBanned: () => false,
      now: () => nowMs,
      random: () => 0,
      ...parts,
    },
  );
}
const keys = (targets: ReturnType<ReturnType<typeof targetsOf>>): readonly string[] => targets.map(({ key }) => key);

test('who knows nobody yet dials a few at once, and who has a link waits before it dials more', () => {
  const targets = targetsOf(8);
  expect(targets()).toHaveLength(4);
  connected = others.slice(0, 1);
  expect(targets()).toEqual([]);
  nowMs += 2_000;
  expect(targets()).toHaveLength(4);
  expect(keys(targets())).not.toContain(others[0]?.toString());
});

test('no more are dialled than are missing, and none once there are enough', () => {
  const targets = targetsOf(8);
  connected = others.slice(0, 6);
  targets();
  nowMs += 2_000;
  expect(targets()).toHaveLength(2);
  connected = others.slice(0, 8);
  expect(targets()).toEqual([]);
});

test('who cannot be reached is put behind all others, so that the rest is tried too', async () => {
  const targets = targetsOf(4);
  const tried = new Set<string>();
  for (let round = 0; round < 8; round++) {
    for (const target of targets()) {
      tried.add(target.key);
      await expect(target.dial(new AbortController().signal)).rejects.toThrow('Nobody answers.');
    }
  }
  expect(tried.size).toBe(others.length);
  expect(dialled).toBe(32);
});

test('each prefers others of its own, and others again after half a minute', () => {
  const targets = targetsOf(8);
  const first = keys(targets());
  expect(keys(targets())).toEqual(first);
  nowMs += 30_000;
  expect(keys(targets())).not.toEqual(first);
});

test('bootstrap peers are always among them, but not oneself, and banned peers never are', () => {
  const [near, banned] = others;
  const bootstrap = [`/ip4/127.0.0.1/tcp/1/p2p/${near}`, `/ip4/127.0.0.1/tcp/1/p2p/${self}`];
  const targets = targetsOf(1, { others: () => [`${banned}`], isBanned: () => true }, bootstrap);
  expect(keys(targets())).toEqual([`${near}`]);
  connected = others.slice(1, 3);
  expect(keys(targets())).toEqual([`${near}`]);
});
