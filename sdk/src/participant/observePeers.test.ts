import { expect, test } from 'vitest';
import type { ConnectedPeer, PeerEvent } from '../network/index.ts';
import { topics } from '../network/index.ts';
import { metrics } from '../runtime/index.ts';
import { observePeers } from './observePeers.ts';

const identity = new Uint8Array(32);
const peer = (roundTripMs: number | undefined): ConnectedPeer => ({ identity, peerId: '', address: '', roundTripMs });
const announced = (role: 'worker' | 'gateway') => ({
  role,
  participant: identity,
  identity,
  engineClass: identity,
  models: [],
  health: undefined,
  incarnation: 1n,
  sequence: 1n,
  multiaddrs: [],
});

test('peers, what they announced, why they were lost, and what they sent', async () => {
  const registry = metrics({ processMetrics: false });
  const observed = observePeers(registry);
  const listeners = new Set<(event: PeerEvent) => void>();
  const leave = observed.watch({
    peers: () => [peer(12), peer(40), peer(undefined)],
    announcements: () => [announced('worker'), announced('worker'), announced('gateway')],
    onPeer(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const lost = { kind: 'lost', identity, reason: 'A sentence.' } as const;
  for (const code of [undefined, 'PEER_UNREACHABLE', 'PROTOCOL_VIOLATION', 'MESSAGE_TOO_LARGE'] as const)
    for (const tell of listeners) tell({ ...lost, code });
  for (const tell of listeners) tell({ kind: 'connected', identity });
  observed.onGossip(topics.batches, 'accept');
  observed.onGossip('somebody/else/1', 'reject');
  const sample = async (): Promise<readonly string[]> =>
    (await registry.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(await sample()).toEqual([
    'karmesh_peers_connected_count 3',
    'karmesh_peers_announced_count{role="worker"} 2',
    'karmesh_peers_announced_count{role="validator"} 0',
    'karmesh_peers_announced_count{role="gateway"} 1',
    'karmesh_peers_slowest_round_trip_seconds 0.04',
    'karmesh_peers_lost_total{cause="closed"} 1',
    'karmesh_peers_lost_total{cause="silent"} 1',
    'karmesh_peers_lost_total{cause="violation"} 1',
    'karmesh_peers_lost_total{cause="failed"} 1',
    'karmesh_gossip_messages_total{topic="batches",verdict="accept"} 1',
    'karmesh_gossip_messages_total{topic="other",verdict="reject"} 1',
  ]);
  leave();
  expect(listeners.size).toBe(0);
  expect(await sample()).toContain('karmesh_peers_connected_count 0');
});
