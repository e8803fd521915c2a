import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { PeerId } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { mdns } from '@libp2p/mdns';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { createLibp2p } from 'libp2p';
import { KarmeshError } from '../errors.ts';
import { toHex } from '../protocol/bytes.ts';
import type { Domain } from '../protocol/header.ts';
import { gossipsubOptions } from './gossip.ts';
import type { NetworkLimits } from './limits.ts';
import { openTimeoutMs, streamsPerConnection } from './peerStreams.ts';
import { protocolIds } from './protocolIds.ts';
import { sparingYamux } from './sparingYamux.ts';
import { wholeNoise } from './wholeNoise.ts';

const kibibyte = 1_024;
const relayedBytes = 1n << 30n;
const relayedMs = 3_600_000;
const relayReservations = 64;
/** How often the local network is asked who is there. */
const lanQueryMs = 5_000;
/** What strangers may store in our part of the table is forgotten soon: nothing of ours is kept there. */
const provideMs = 60_000;

export type OpenNodeOptions = {
  readonly secretKey: Uint8Array;
  readonly domain: Domain;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly localnet: boolean;
  /** Say on the local network that we are here, and hear who else is. */
  readonly lan: boolean;
  /** Take part in the distributed hash table that finds a peer by its id. */
  readonly dht: boolean;
  /** Carry connections to peers that cannot be dialled. */
  readonly relay: boolean;
  readonly topics: readonly string[];
  readonly limits: NetworkLimits;
  readonly denied: (peer: PeerId) => boolean;
};

/**
 * A started libp2p node: TCP, WebSockets and relayed connections under noise and yamux; identify, ping, and gossipsub without
 * signatures of its own.
 *
 * @throws KarmeshError `CONFIG_INVALID` when an address cannot be listened on.
 */
export async function openNode(options: OpenNodeOptions) {
  const { domain, localnet, limits, denied } = options;
  const node = await createLibp2p({
    privateKey: privateKeyFromRaw(options.secretKey),
    addresses: { listen: [...options.listen], announce: [...options.announce] },
    transports: [
      tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } }),
      webSockets(),
      circuitRelayTransport(),
    ],
    connectionEncrypters: [wholeNoise()],
    streamMuxers: [
      sparingYamux({
        maxInboundStreams: streamsPerConnection,
        maxOutboundStreams: streamsPerConnection,
        streamOptions: { maxStreamWindowSize: kibibyte * kibibyte },
      }),
    ],
    // Clusters on one local network do not see each other.
    peerDiscovery: options.lan
      ? [mdns({ serviceTag: `_karmesh-${toHex(domain).slice(0, 16)}._udp.local`, interval: lanQueryMs })]
      : [],
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub(gossipsubOptions(options)),
      ...(options.dht
        ? {
            dht: kadDHT({
              protocol: protocolIds.table,
              clientMode: false,
              peerInfoMapper: passthroughMapper,
              providers: { provideValidity: provideMs, cleanupInterval: provideMs },
            }),
          }
        : {}),
      ...(options.relay
        ? {
            relay: circuitRelayServer({
              reservations: {
                maxReservations: relayReservations,
                defaultDataLimit: relayedBytes,
                defaultDurationLimit: relayedMs,
              },
            }),
          }
        : {}),
    },
    connectionGater: {
      denyDialMultiaddr: () => false,
      denyDialPeer: denied,
      denyInboundEncryptedConnection: denied,
      denyOutboundEncryptedConnection: denied,
      denyInboundRelayReservation: denied,
    },
    connectionManager: {
      maxConnections: limits.maxConnections,
      inboundConnectionThreshold: localnet ? limits.maxConnections : limits.inboundConnectionsPerSecond,
      maxIncomingPendingConnections: limits.maxConnections,
      // Whoever connects and says nothing holds a place for so long.
      inboundUpgradeTimeout: openTimeoutMs,
      dialTimeout: openTimeoutMs,
      // Our dialer does this with jitter and without end.
      reconnectRetries: 0,
    },
    // It gives peers up under load after pings that are late, and nothing dials them again.
    connectionMonitor: { enabled: false },
    start: false,
  });
  try {
    await node.start();
  } catch (cause) {
    await node.stop();
    const facts = { listen: options.listen.join(' ') };
    throw new KarmeshError('CONFIG_INVALID', 'The host cannot listen on its address.', facts, cause);
  }
  return node;
}
