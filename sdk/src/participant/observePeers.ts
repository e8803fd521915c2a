import type { KarmeshErrorCode } from '../errors.ts';
import { type GossipVerdict, type Host, topics } from '../network/index.ts';
import type { Metrics } from '../runtime/index.ts';

type WatchedHost = Pick<Host, 'peers' | 'announcements' | 'onPeer'>;

/** Why this side dropped a peer, in few words; all else is `failed`. */
const CAUSES: Readonly<Partial<Record<KarmeshErrorCode, string>>> = {
  PEER_UNREACHABLE: 'silent',
  PROTOCOL_VIOLATION: 'violation',
};

const TOPIC_NAMES: ReadonlyMap<string, string> = new Map(Object.entries(topics).map(([name, topic]) => [topic, name]));

const ROLES = ['worker', 'validator', 'gateway'] as const;

/** What every participant counts of its peers: `onGossip` is a part of its host, which `watch` then follows until its result is called. */
export function observePeers(metrics: Metrics) {
  const hosts = new Set<WatchedHost>();
  const count = (of: (host: WatchedHost) => number): number => [...hosts].reduce((sum, host) => sum + of(host), 0);
  metrics.gauge({
    name: 'peers_connected_count',
    help: 'Peers with a connection.',
    collect: (gauge) => gauge.set(count((host) => host.peers().length)),
  });
  metrics.gauge({
    name: 'peers_announced_count',
    help: 'Participants whose announcement is fresh, by role.',
    labels: ['role'],
    collect(gauge) {
      for (const role of ROLES) {
        const isRole = (announced: { readonly role: string }): boolean => announced.role === role;
        gauge.set(
          { role },
          count((host) => host.announcements().filter(isRole).length),
        );
      }
    },
  });
  metrics.gauge({
    name: 'peers_slowest_round_trip_seconds',
    help: 'The slowest beat there and back among the peers that this side beats to; 0 without one.',
    collect(gauge) {
      const trips = [...hosts].flatMap((host) => host.peers().map(({ roundTripMs }) => roundTripMs ?? 0));
      gauge.set(Math.max(0, ...trips) / 1000);
    },
  });
  const lost = metrics.counter({
    name: 'peers_lost_total',
    help: 'Peers that were lost: closed (by either side), or dropped by this one as silent, for a violation or because its stream failed.',
    labels: ['cause'],
  });
  const gossip = metrics.counter({
    name: 'gossip_messages_total',
    help: 'Gossip messages that arrived, by topic and verdict.',
    labels: ['topic', 'verdict'],
  });
  return {
    onGossip(topic: string, verdict: GossipVerdict): void {
      gossip.inc({ topic: TOPIC_NAMES.get(topic) ?? 'other', verdict });
    },
    watch(host: WatchedHost): () => void {
      hosts.add(host);
      const leave = host.onPeer((event) => {
        if (event.kind !== 'lost') return;
        lost.inc({ cause: event.code === undefined ? 'closed' : (CAUSES[event.code] ?? 'failed') });
      });
      return () => {
        leave();
        hosts.delete(host);
      };
    },
  };
}
export type ObservedPeers = ReturnType<typeof observePeers>;
