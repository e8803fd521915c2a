import { expect, test } from 'vitest';
import { HEIGHT, layoutMesh, WIDTH } from './layoutMesh.ts';
import type { MeshPeer, PeerRole } from './meshFacts.ts';

const peer = (role: PeerRole, name: string): MeshPeer => ({
  identity: name,
  participant: role === null ? null : name,
  role,
  isConnected: true,
  sinceMs: 0,
  roundTripMs: null,
  announcedMs: null,
  lost: null,
});

test('peers stand by role and address, whatever order they are told in', () => {
  const peers = [peer(null, 'a'), peer('validator', 'c'), peer('worker', 'z'), peer('worker', 'b')];
  const placed = layoutMesh(peers);
  expect(placed.map(({ peer: { identity }, x, y }) => [identity, x, y])).toEqual([
    ['b', 87, 75],
    ['z', 313, 75],
    ['c', 313, 245],
    ['a', 87, 245],
  ]);
  expect(layoutMesh(peers.toReversed())).toEqual(placed);
});

test.each([1, 24, 25, 200])('%i peers stand within the picture, no two in one place', (count) => {
  const placed = layoutMesh(Array.from({ length: count }, (_, i) => peer('worker', `${1000 + i}`)));
  expect(placed.every(({ x, y }) => x >= 20 && x <= WIDTH - 20 && y >= 20 && y <= HEIGHT - 20)).toBe(true);
  expect(new Set(placed.map(({ x, y }) => `${x} ${y}`)).size).toBe(count);
  expect(placed.every(({ hasLabel }) => hasLabel)).toBe(count <= 24);
});
