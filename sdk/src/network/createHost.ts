import { type Connection, type PeerId, setMaxListeners } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { KarmeshError } from '../errors.ts';
import type { Domain } from '../protocol/header.ts';
import { type Identity, type VerifySignature, verifySignature } from '../protocol/signature.ts';
import type { Signer } from '../signer.ts';
import { dialableAddress, peerIdTextOf } from './addresses.ts';
import { aliveGuard, beatBytes, defaultAlive } from './alive.ts';
import type { Announcement } from './announcement.ts';
import { askLimit } from './askLimit.ts';
import { dialer } from './dialer.ts';
import { dialTargets } from './dialTargets.ts';
import { fetchFrameBytes, fetchOver, maxBodyBytes, serveOver } from './fetchByHash.ts';
import { foundPeers } from './foundPeers.ts';
import { frameStream } from './frameStream.ts';
import { type GossipVerdict, gossip } from './gossip.ts';
import type { ConnectedPeer, Host, PeerEvent } from './host.ts';
import { identityOf } from './identity.ts';
import { defaultLimits, type NetworkLimits } from './limits.ts';
import { openMembership } from './membership.ts';
import { openNode } from './openNode.ts';
import { peerBans } from './peerBans.ts';
import { abortedBy, openTimeoutMs, peerStreams } from './peerStreams.ts';
import { topics as ownTopics, protocolIds } from './protocolIds.ts';
import { lastHeardMs } from './sparingYamux.ts';

/** Where a host writes; a pino logger fits. */
export type HostLog = {
  debug(fields: object, sentence: string): void;
  warn(fields: object, sentence: string): void;
};

export type CreateHostOptions = {
  /** The identity. It signs announcements, and its secret half makes the handshake. */
  readonly keypair: Signer & { secretKey(): Uint8Array };
  /** The cluster and program; announcements of another domain are rejected. */
  readonly domain: Domain;
  /** Multiaddrs to listen on, a free port of loopback unless told. Empty for a host that only dials. */
  readonly listen?: readonly string[];
  /** Multiaddrs to announce instead of those listened on, for a host behind a port mapping. */
  readonly announce?: readonly string[];
  /** Multiaddrs to stay connected to. An own address among them is passed over. */
  readonly bootstrap?: readonly string[];
  /** All peers are on one machine: their common address counts against none of them. */
  readonly localnet?: boolean;
  /** Find peers on the local network, and be found, by multicast DNS. Not unless told. */
  readonly lan?: boolean;
  /** Take part in a distributed hash table, which finds peers that nobody announced to us. Not unless told. */
  readonly dht?: boolean;
  /** Carry connections between peers that cannot dial each other. Not unless told. */
  readonly relay?: boolean;
  /** Gossip topics besides those in `topics`. */
  readonly topics?: readonly string[];
  readonly limits?: Partial<NetworkLimits>;
  /** Whether an announcement is worth keeping, such as that its account is registered with that identity; all are unless told. */
  readonly admit?: (announcement: Announcement) => boolean;
  /** Whether a participant with a bond has this identity; it may ask more often (N-12). Nobody has unless told. */
  readonly isBonded?: (identity: Identity) => boolean;
  /** A faster check of signatures by the same rules; the protocol's own unless told. */
  readonly verify?: VerifySignature;
  readonly log?: HostLog;
  /** Called whenever another process announces itself with this identity: one of the two has to stop. */
  readonly onTwin?: () => void;
  /** Called with what became of each gossip message that arrived. */
  readonly onGossip?: ((topic: string, verdict: GossipVerdict) => void) | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

const aliveIdleMs = 30_000;
const fetchTimeoutMs = 60_000;
const forgetAfterMs = 60_000;
/** Peers that were found and have not announced themselves, and how long a word on where one is counts. */
const maxFound = 256;
const foundExpiresMs = 120_000;

/**
 * Starts a libp2p host: TCP, WebSockets, relayed connections, noise, yamux, identify, ping, gossipsub without libp2p's signatures, our
 * own check for dead and frozen peers, redial, and a bound on everything that a peer can make it hold.
 *
 * @throws KarmeshError `CONFIG_INVALID` when an address is malformed or cannot be listened on.
 */
export async function createHost(options: CreateHostOptions): Promise<Host> {
  const { keypair, domain, admit = () => true, verify = verifySignature } = options;
  const { log = silentLog, now = Date.now, random = Math.random, localnet = false } = options;
  const { lan = false, dht = false, relay = false } = options;
  const limits: NetworkLimits = { ...defaultLimits, ...options.limits };
  const topics = [...Object.values(ownTopics), ...(options.topics ?? [])];
  const bootstrap = (options.bootstrap ?? []).map((text) => parseAddress(text, 'bootstrap'));
  const listen = (options.listen ?? ['/ip4/127.0.0.1/tcp/0']).map((text) => parseAddress(text, 'listen').toString());
  const announce = (options.announce ?? []).map((text) => parseAddress(text, 'announce').toString());

  const bans = peerBans({ maxEntries: 4 * limits.maxConnections })({ now });
  const denied = (peer: PeerId): boolean => identityOf(peer) === undefined || bans.isBanned(peer.toString());
  const node = await openNode({
    secretKey: keypair.secretKey(),
    ...{ domain, listen, announce, localnet, lan, dht, relay, topics, limits, denied },
  });

  const self = node.peerId.toString();
  const stopping = new AbortController();
  setMaxListeners(Number.POSITIVE_INFINITY, stopping.signal);
  const listeners = new Set<(event: PeerEvent) => void>();
  const connections = new Map<string, Connection>();
  const lostBecause = new Map<string, Error>();
  const gone = new Map<string, { readonly peer: PeerId; readonly atMs: number }>();
  const found = foundPeers({ maxEntries: maxFound, expireMs: foundExpiresMs });

  const tell = (event: PeerEvent): void => {
    for (const listener of listeners) listener(event);
  };
  const drop = (connection: Connection, error: Error): void => {
    lostBecause.set(connection.remotePeer.toString(), error);
    log.debug({ peer: connection.remotePeer.toString(), reason: error.message }, 'Dropping a connection.');
    connection.abort(error);
  };

  /** Notes that a peer sent what is invalid, and parts with one that does so again and again. */
  const blame = (peer: PeerId): void => {
    if (!bans.fault(peer.toString())) return;
    for (const connection of node.getConnections(peer)) {
      drop(connection, new KarmeshError('PROTOCOL_VIOLATION', 'The peer sent too many invalid messages.'));
    }
  };

  const guard = aliveGuard(defaultAlive)({
    now: () => performance.now(),
    onDead: (id, error) => {
      const connection = connections.get(id);
      if (connection !== undefined) drop(connection, error);
    },
  });
  const dialing = dialer({ firstRetryMs: 250, maxRetryMs: 10_000, dialTimeoutMs: openTimeoutMs })({
    random,
    now,
    onFailure: (target, attempt, error) =>
      log.debug({ target, attempt, reason: messageOf(error) }, 'A peer could not be dialled.'),
  });
  const topicService = gossip({ topics, limits })({
    pubsub: node.services.pubsub,
    now,
    onReject: (peer, topic) => {
      log.debug({ peer: peer.toString(), topic }, 'Rejected a gossip message.');
      blame(peer);
    },
    onCheckError: (err, topic) => log.warn({ err, topic }, 'A gossip check failed.'),
    onJudged: options.onGossip,
  });

  const knownAddresses = (peer: PeerId): readonly Multiaddr[] => {
    const identity = identityOf(peer);
    const announced = identity === undefined ? undefined : membership.find(identity);
    return [
      ...bootstrap.filter((address) => peerIdTextOf(address) === peer.toString()),
      ...dialable(peer, announced?.multiaddrs ?? []),
      ...found.get(peer.toString(), now()),
    ];
  };
  const addressesFor = async (peer: PeerId, signal: AbortSignal): Promise<readonly Multiaddr[]> => {
    const known = knownAddresses(peer);
    if (known.length > 0) return known;
    if (!dht) return unknownPeer(peer);
    try {
      const { multiaddrs } = await node.peerRouting.findPeer(peer, { signal });
      return dialable(peer, multiaddrs.map(String));
    } catch (cause) {
      return unknownPeer(peer, cause);
    }
  };
  const hasBond = (peer: PeerId): boolean => {
    const identity = identityOf(peer);
    return identity !== undefined && options.isBonded?.(identity) === true;
  };
  const asks = askLimit({
    perMinute: limits.asksPerMinute,
    bondedPerMinute: limits.bondedAsksPerMinute,
    maxEntries: 4 * limits.maxConnections,
  })<PeerId>({ now, isBonded: hasBond, keyOf: (peer) => peer.toString() });
  const streams = peerStreams(
    { limits },
    {
      node,
      addressesFor,
      stopping: stopping.signal,
      asks,
      // A participant that was away asks much and means well.
      onExcess: (peer) => {
        if (!hasBond(peer)) blame(peer);
      },
      onFailure: (fields, error) => log.debug({ ...fields, reason: messageOf(error) }, 'A stream ended with an error.'),
    },
  );
  const { handle, openStream } = streams;
  const onSilent = (error: unknown): void =>
    log.debug({ reason: messageOf(error) }, 'A peer does not say whom it knows.');
  const membership = await openMembership(
    { limits },
    {
      ...{ self, keypair, domain, verify, admit, now, random, streams },
      gossip: topicService,
      addresses: () => node.getMultiaddrs(),
      onFault: blame,
      onTwin: options.onTwin ?? (() => {}),
      someone: () => {
        const peers = [...connections.values()];
        return peers[Math.floor(random() * peers.length)]?.remotePeer;
      },
      onError: (err, sentence) => log.warn({ err }, sentence),
      onSilent,
      stopping: stopping.signal,
    },
  );

  const onOpen = ({ detail: connection }: CustomEvent<Connection>): void => {
    const identity = identityOf(connection.remotePeer);
    const others = node.getConnections(connection.remotePeer).filter(({ id }) => id !== connection.id);
    if (identity === undefined || others.length >= limits.maxConnectionsPerPeer) {
      connection.abort(new KarmeshError('PROTOCOL_VIOLATION', 'The peer has too many connections.'));
      return;
    }
    connections.set(connection.id, connection);
    gone.delete(connection.remotePeer.toString());
    guard.watch({
      id: connection.id,
      outbound: connection.direction === 'outbound',
      heardMs: () => lastHeardMs(connection),
      openBeats: async (signal) => {
        const timed = AbortSignal.any([signal, AbortSignal.timeout(openTimeoutMs)]);
        const stream = await connection.newStream(protocolIds.alive, { signal: timed, runOnLimitedConnection: true });
        return frameStream({ maxFrameBytes: beatBytes, idleMs: aliveIdleMs }, { stream, remote: identity });
      },
    });
    if (others.length > 0) return;
    tell({ kind: 'connected', identity });
    if (connection.direction !== 'outbound') return;
    membership.meet(connection.remotePeer).catch(onSilent);
  };
  const onClose = ({ detail: connection }: CustomEvent<Connection>): void => {
    if (!connections.delete(connection.id)) return;
    guard.unwatch(connection.id);
    const peer = connection.remotePeer;
    const identity = identityOf(peer);
    if (identity === undefined || [...connections.values()].some(({ remotePeer }) => remotePeer.equals(peer))) return;
    const cause = lostBecause.get(peer.toString());
    lostBecause.delete(peer.toString());
    gone.set(peer.toString(), { peer, atMs: now() });
    const reason = cause?.message ?? 'The connection was closed.';
    tell({ kind: 'lost', identity, reason, code: cause instanceof KarmeshError ? cause.code : undefined });
  };
  const onFound = ({ detail: { id, multiaddrs } }: CustomEvent<{ id: PeerId; multiaddrs: Multiaddr[] }>): void => {
    if (!id.equals(node.peerId) && !denied(id)) found.put(id.toString(), dialable(id, multiaddrs.map(String)), now());
  };
  const onSubscription = (): void => membership.onNewcomer();
  node.addEventListener('connection:open', onOpen);
  node.addEventListener('connection:close', onClose);
  node.addEventListener('peer:discovery', onFound);
  node.services.pubsub.addEventListener('subscription-change', onSubscription);

  const connect: Host['connect'] = async (addresses, { signal }) => {
    const parsed = addresses.map((text) => parseAddress(text, 'connect'));
    try {
      const connection = await node.dial(parsed, { signal: AbortSignal.any([signal, stopping.signal]) });
      return connection.remotePeer.toString();
    } catch (cause) {
      if (signal.aborted) throw abortedBy(signal);
      const facts = { addresses: addresses.join(' ') };
      throw new KarmeshError('PEER_UNREACHABLE', 'No address could be reached.', facts, cause);
    }
  };

  const fetchByHash: Host['fetchByHash'] = async ({ peer, hash, maxBytes }, { signal }) => {
    if (!Number.isInteger(maxBytes) || maxBytes < 0 || maxBytes > maxBodyBytes) {
      throw new KarmeshError('BAD_ARGUMENT', 'A fetch takes at most 50 MB.', { maxBytes });
    }
    const timed = AbortSignal.any([signal, AbortSignal.timeout(fetchTimeoutMs)]);
    await using stream = await openStream(
      { peer, protocol: protocolIds.fetch, maxFrameBytes: fetchFrameBytes },
      { signal: timed },
    );
    return await fetchOver(stream, { hash, maxBytes }, { signal: timed });
  };

  const targets = dialTargets(
    { bootstrap, targetPeers: limits.targetPeers },
    {
      node,
      addressesFor: knownAddresses,
      others: () => [...membership.announcements().map(({ identity }) => identity), ...found.list(now())],
      isBanned: bans.isBanned,
      now,
      random,
    },
  );

  const forgetGone = (): void => {
    const at = now();
    for (const [key, { peer, atMs }] of gone) {
      if (at - atMs < forgetAfterMs && gone.size <= 4 * limits.maxConnections) break;
      gone.delete(key);
      node.peerStore.delete(peer).catch((err: unknown) => log.warn({ err }, 'A peer could not be forgotten.'));
    }
  };

  const tick = (): void => {
    guard.tick();
    dialing.tick(targets());
    forgetGone();
    membership.tick();
  };

  await streams.handleUncounted(
    {
      protocol: protocolIds.alive,
      maxStreams: limits.maxConnections,
      maxStreamsPerPeer: limits.maxConnectionsPerPeer,
      maxFrameBytes: beatBytes,
      idleMs: aliveIdleMs,
    },
    (stream, connection) => guard.answer(connection.id, stream),
  );
  const timer = setInterval(tick, defaultAlive.tickMs);
  tick();

  let disposed: Promise<void> | undefined;
  const dispose = async (): Promise<void> => {
    clearInterval(timer);
    stopping.abort(new KarmeshError('ABORTED', 'The host is stopping.'));
    await dialing.stop();
    node.removeEventListener('connection:open', onOpen);
    node.removeEventListener('connection:close', onClose);
    node.removeEventListener('peer:discovery', onFound);
    node.services.pubsub.removeEventListener('subscription-change', onSubscription);
    await node.stop();
    for (const id of connections.keys()) guard.unwatch(id);
  };

  return {
    peerId: self,
    identity: keypair.publicKey,
    addresses: () => node.getMultiaddrs().map((address) => address.toString()),
    connect,
    openStream,
    handle,
    subscribers: (topic) => node.services.pubsub.getSubscribers(topic).flatMap((peer) => identityOf(peer) ?? []),
    publish: topicService.publish,
    subscribe: topicService.subscribe,
    serveByHash: (lookup) =>
      handle({
        protocol: protocolIds.fetch,
        maxStreams: 64,
        maxStreamsPerPeer: 8,
        maxFrameBytes: fetchFrameBytes,
        handler: (stream) => serveOver(stream, lookup),
      }),
    fetchByHash,
    announce: membership.announce,
    announcements: membership.announcements,
    onAnnouncement: membership.onAnnouncement,
    peers: () => connectedPeers(),
    onPeer: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    [Symbol.asyncDispose]: () => {
      disposed ??= dispose();
      return disposed;
    },
  };

  function connectedPeers(): readonly ConnectedPeer[] {
    const seen = new Map<string, ConnectedPeer>();
    for (const connection of connections.values()) {
      const identity = identityOf(connection.remotePeer);
      const peerId = connection.remotePeer.toString();
      if (identity === undefined || connection.status !== 'open') continue;
      const roundTripMs = guard.roundTripMs(connection.id) ?? seen.get(peerId)?.roundTripMs;
      seen.set(peerId, { identity, peerId, address: connection.remoteAddr.toString(), roundTripMs });
    }
    return [...seen.values()];
  }
}

const silentLog: HostLog = { debug: () => {}, warn: () => {} };

function unknownPeer(peer: PeerId, cause?: unknown): never {
  const facts = { peer: peer.toString() };
  throw new KarmeshError('PEER_UNREACHABLE', 'No address of this peer is known.', facts, cause);
}

function dialable(peer: PeerId, addresses: readonly string[]): readonly Multiaddr[] {
  return addresses.flatMap((text) => dialableAddress(text, peer.toString()) ?? []);
}

function parseAddress(text: string, key: string): Multiaddr {
  try {
    return multiaddr(text);
  } catch (cause) {
    throw new KarmeshError('CONFIG_INVALID', 'An address is no multiaddr.', { [key]: text }, cause);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
