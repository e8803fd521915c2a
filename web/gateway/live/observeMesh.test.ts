import type { Announcement, ConnectedPeer, PeerEvent } from '@karmesh/sdk/network';
import { type ParticipantAccount, ROLE } from '@karmesh/sdk/program';
import { expect, test } from 'vitest';
import { observeMesh } from './observeMesh.ts';

const bytes = (fill: number) => new Uint8Array(32).fill(fill);
const [WORKER, STRANGER, LATER] = [bytes(1), bytes(2), bytes(3)];

/** A mesh whose host says what a test tells it to. */
function meshOf(connected: readonly Uint8Array[], options = {}) {
  const state = { nowMs: 1_000, roundTripMs: 3 as number | undefined };
  let tellPeer = (_: PeerEvent): void => {};
  let tellAnnouncement = (_: Announcement): void => {};
  const mesh = observeMesh({ maxPeers: 2, keepLostMs: 60_000, maxChanges: 3, ...options })({
    host: {
      peers: () => connected.map((identity) => ({ identity, ...state }) as unknown as ConnectedPeer),
      onPeer(listener) {
        tellPeer = listener;
        return () => {};
      },
      onAnnouncement(listener) {
        tellAnnouncement = listener;
        return () => {};
      },
    },
    view: {
      participantByIdentity: (identity) =>
        identity[0] === 1 ? ({ address: bytes(9), role: ROLE.worker } as unknown as ParticipantAccount) : undefined,
    },
    gateway: bytes(7),
    clock: { nowMs: () => state.nowMs },
  });
  return {
    mesh,
    state,
    connect: (identity: Uint8Array) => tellPeer({ kind: 'connected', identity }),
    lose: (identity: Uint8Array, code?: 'PEER_UNREACHABLE' | 'PROTOCOL_VIOLATION' | 'ABORTED') =>
      tellPeer({ kind: 'lost', identity, reason: 'It is gone.', code }),
    announce: (identity: Uint8Array) => tellAnnouncement({ identity } as Announcement),
  };
}

const worker = {
  identity: '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi',
  participant: 'cGfHiC6Kgg3FpFZvgwGcswsCRtp4aBP2fzuXRQPizuN',
  role: 'worker',
};
const stranger = { identity: '8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR', participant: null, role: null };

test('says who is connected, by account where the chain knows it, and when it was heard', () => {
  const { mesh, state, announce } = meshOf([WORKER, STRANGER]);
  state.nowMs = 1_500;
  announce(WORKER);
  announce(LATER);
  state.nowMs = 2_000;
  const connected = { isConnected: true, sinceMs: 1_000, roundTripMs: 3, lost: null };
  expect(mesh.read()).toEqual({
    atMs: 2_000,
    gateway: 'US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx',
    total: 2,
    peers: [
      { ...worker, ...connected, announcedMs: 1_500 },
      { ...stranger, ...connected, announcedMs: null },
    ],
    changes: [],
  });
});

test('says how and why a peer was lost, and forgets it after a while', () => {
  const { mesh, state, connect, lose } = meshOf([WORKER]);
  let told = 0;
  mesh.onChange(() => {
    told += 1;
  });
  state.nowMs = 5_000;
  lose(WORKER, 'PEER_UNREACHABLE');
  const lost = { cause: 'silent', reason: 'It is gone.' };
  expect(mesh.read().peers).toEqual([
    { ...worker, isConnected: false, sinceMs: 5_000, roundTripMs: null, announcedMs: null, lost },
  ]);
  expect(mesh.read().changes).toEqual([{ ...worker, number: 1, atMs: 5_000, isConnected: false, lost }]);
  state.nowMs = 6_000;
  connect(WORKER);
  expect(mesh.read().peers[0]).toMatchObject({ isConnected: true, sinceMs: 6_000, lost: null });
  lose(WORKER);
  expect(told).toBe(3);
  state.nowMs = 66_001;
  expect(mesh.read()).toMatchObject({ total: 0, peers: [] });
});

test.each([
  ['PROTOCOL_VIOLATION', 'violation'],
  ['ABORTED', 'failed'],
  [undefined, 'closed'],
] as const)('a loss with code %s is %s', (code, cause) => {
  const { mesh, lose } = meshOf([WORKER]);
  lose(WORKER, code);
  expect(mesh.read().peers[0]?.lost?.cause).toBe(cause);
});

test('keeps no more than it may: the connected come first, the oldest losses and changes go', () => {
  const { mesh, state, connect, lose } = meshOf([]);
  for (const [i, identity] of [WORKER, STRANGER, LATER, bytes(4)].entries()) {
    state.nowMs = 2_000 + i;
    lose(identity);
  }
  connect(WORKER);
  const { changes, peers, total } = mesh.read();
  expect([total, peers.length, peers[0]?.participant]).toEqual([3, 2, worker.participant]);
  expect(changes.map(({ number }) => number)).toEqual([3, 4, 5]);
});
