import { yamux } from '@chainsafe/libp2p-yamux';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { type Connection, type PeerId, type Stream, setMaxListeners } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { KarmeshError } from '../errors.ts';
import { ZERO_HASH } from '../protocol/hash.ts';
import type { Domain } from '../protocol/header.ts';
import { type VerifySignature, verifySignature } from '../protocol/signature.ts';
import type { Signer } from '../signer.ts';
import { addressesOf, dialableAddress } from './addresses.ts';
import { aliveGuard, beatBytes, defaultAlive } from './alive.ts';
import { type Announcement, checkAnnouncement, encodeAnnouncement, parseAnnouncement } from './announcement.ts';
import { answerOnce, askOnce } from './askOnce.ts';
import { type DialTarget, dialer } from './dialer.ts';
import { fetchFrameBytes, fetchOver, maxBodyBytes, serveOver } from './fetchByHash.ts';
import { type FrameStream, frameStream } from './frameStream.ts';
import { type GossipVerdict, gossip, gossipsubOptions } from './gossip.ts';
import type { ConnectedPeer, HandleOptions, Host, PeerEvent } from './host.ts';
import { identityOf, parsePeer } from './identity.ts';
import { defaultLimits, type NetworkLimits } from './limits.ts';
import { peerBans } from './peerBans.ts';
import { peerBook } from './peerBook.ts';
import { encodePeers, parsePeers, peersFrameBytes } from './peerExchange.ts';
import { topics as ownTopics, protocolIds } from './protocolIds.ts';
import { streamLimit } from './streamLimit.ts';
import { tokenBucket } from './tokenBucket.ts';
import { wholeNoise } from './wholeNoise.ts';

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
  /** Gossip topics besides those in `topics`. */
  readonly topics?: readonly string[];
  readonly limits?: Partial<NetworkLimits>;
  /** Whether an announcement is worth keeping, such as that its account is registered with that identity; all are unless told. */
  readonly admit?: (announcement: Announcement) => boolean;
  /** A faster check of signatures by the same rules; the protocol's own unless told. */
  readonly verify?: VerifySignature;
  readonly log?: HostLog;
  /** Called with what became of each gossip message that arrived. */
  readonly onGossip?: ((topic: string, verdict: GossipVerdict) => void) | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

const defaultFrameBytes = 65_536;
const defaultIdleMs = 300_000;
const aliveIdleMs = 30_000;
/** How long a served stream waits for the peer to read the rest and close its side. */
const lingerMs = 30_000;
const openTimeoutMs = 5_000;
const fetchTimeoutMs = 60_000;
/** Peers that are asked whom they know: the first few, and one now and then for who was cut off for a while. */
const learnFrom = { perSecond: 0.2, burst: 3 } as const;
const announceEveryMs = 10_000;
const announceGapMs = 600;
const announcementExpiresMs = 60_000;
const maxClockSkewMs = 600_000;
const forgetAfterMs = 60_000;
const streamsPerConnection = 1_024;
const kibibyte = 1_024;

/**
 * Starts a libp2p host: TCP, noise, yamux, identify, ping, gossipsub without libp2p's signatures, our own check for dead and frozen
 * peers, redial, and a bound on everything that a peer can make it hold.
 *
 * @throws KarmeshError `CONFIG_INVALID` when an address is malformed or cannot be listened on.
 */
export async function createHost(options: CreateHostOptions): Promise<Host> {
  const { keypair, domain, admit = () => true, verify = verifySignature } = options;
  const { log = silentLog, now = Date.now, random = Math.random, localnet = false } = options;
  const limits: NetworkLimits = { ...defaultLimits, ...options.limits };
  const topics = [...Object.values(ownTopics), ...(options.topics ?? [])];
  const bootstrap = (options.bootstrap ?? []).map((text) => parseAddress(text, 'bootstrap'));
  const listen = (options.listen ?? ['/ip4/127.0.0.1/tcp/0']).map((text) => parseAddress(text, 'listen').toString());
  const announce = (options.announce ?? []).map((text) => parseAddress(text, 'announce').toString());

  const bans = peerBans({ maxEntries: 4 * limits.maxConnections })({ now });
  const denied = (peer: PeerId): boolean => identityOf(peer) === undefined || bans.isBanned(peer.toString());
  const node = await createLibp2p({
    privateKey: privateKeyFromRaw(keypair.secretKey()),
    addresses: { listen, announce },
    transports: [tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
    connectionEncrypters: [wholeNoise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: streamsPerConnection,
        maxOutboundStreams: streamsPerConnection,
        streamOptions: { maxStreamWindowSize: kibibyte * kibibyte },
      }),
    ],
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub(gossipsubOptions({ localnet, limits, topics })),
    },
    connectionGater: {
      denyDialMultiaddr: () => false,
      denyDialPeer: denied,
      denyInboundEncryptedConnection: denied,
      denyOutboundEncryptedConnection: denied,
    },
    connectionManager: {
      maxConnections: limits.maxConnections,
      inboundConnectionThreshold: localnet ? limits.maxConnections : limits.inboundConnectionsPerSecond,
      maxIncomingPendingConnections: localnet ? limits.maxConnections : 32,
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
    throw new KarmeshError(
      'CONFIG_INVALID',
      'The host cannot listen on its address.',
      { listen: listen.join(' ') },
      cause,
    );
  }

  const self = node.peerId.toString();
  const stopping = new AbortController();
  setMaxListeners(Number.POSITIVE_INFINITY, stopping.signal);
  const listeners = new Set<(event: PeerEvent) => void>();
  const announcementListeners = new Set<(announcement: Announcement) => void>();
  const connections = new Map<string, Connection>();
  const lostBecause = new Map<string, Error>();
  const gone = new Map<string, { readonly peer: PeerId; readonly atMs: number }>();
  const inbound = streamLimit({ maxInAll: limits.maxInboundStreams, maxPerPeer: limits.maxInboundStreamsPerPeer });
  const book = peerBook({
    maxEntries: limits.maxBookEntries,
    expireMs: announcementExpiresMs,
    minIntervalMs: announceGapMs / 2,
  });

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
      openBeats: async (signal) => {
        const timed = AbortSignal.any([signal, AbortSignal.timeout(openTimeoutMs)]);
        const stream = await connection.newStream(protocolIds.alive, { signal: timed });
        return frameStream({ maxFrameBytes: beatBytes, idleMs: aliveIdleMs }, { stream, remote: identity });
      },
    });
    if (others.length === 0) tell({ kind: 'connected', identity });
    if (connection.direction === 'outbound' && others.length === 0 && learning.take(now())) {
      learnPeers(connection.remotePeer).catch((error: unknown) =>
        log.debug({ reason: messageOf(error) }, 'A peer does not say whom it knows.'),
      );
    }
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
  node.addEventListener('connection:open', onOpen);
  node.addEventListener('connection:close', onClose);

  const serve = async (
    { protocol, maxStreams, maxStreamsPerPeer = maxStreams, maxFrameBytes, idleMs, handler }: Required<HandleOptions>,
    { counted }: { readonly counted: boolean },
    accept: (stream: FrameStream, connection: Connection) => Promise<void> = handler,
  ): Promise<() => Promise<void>> => {
    const own = streamLimit({ maxInAll: maxStreams, maxPerPeer: maxStreamsPerPeer });
    await node.handle(
      protocol,
      async (stream: Stream, connection: Connection) => {
        const peer = connection.remotePeer.toString();
        const remote = identityOf(connection.remotePeer);
        const leave = counted ? inbound.enter(peer) : () => {};
        const leaveOwn = leave === undefined ? undefined : own.enter(peer);
        if (remote === undefined || leaveOwn === undefined) {
          leave?.();
          stream.abort(new KarmeshError('PROTOCOL_VIOLATION', 'The peer has too many streams open.', { protocol }));
          return;
        }
        const frames = frameStream({ maxFrameBytes, idleMs }, { stream, remote });
        try {
          await accept(frames, connection);
          await frames.close();
          await endOf(frames, Math.min(idleMs, lingerMs));
        } catch (error) {
          log.debug({ peer, protocol, reason: messageOf(error) }, 'A stream ended with an error.');
          frames.abort(error instanceof Error ? error : new Error(String(error)));
        } finally {
          leaveOwn();
          leave?.();
        }
      },
      { maxInboundStreams: maxStreamsPerPeer, maxOutboundStreams: streamsPerConnection },
    );
    return () => node.unhandle(protocol);
  };

  const handle: Host['handle'] = (wanted) =>
    serve(
      { maxFrameBytes: defaultFrameBytes, idleMs: defaultIdleMs, maxStreamsPerPeer: wanted.maxStreams, ...wanted },
      { counted: true },
    );

  const addressesFor = (peer: PeerId): Multiaddr[] => {
    const identity = identityOf(peer);
    const announced = identity === undefined ? undefined : book.get(identity, now());
    const known = bootstrap.filter((address) => peerIdTextOf(address) === peer.toString());
    return [...known, ...(announced?.multiaddrs ?? []).flatMap((text) => dialableAddress(text, peer.toString()) ?? [])];
  };
  const isConnected = (peer: PeerId): boolean => node.getConnections(peer).some(({ status }) => status === 'open');

  const connectionTo = async (peer: PeerId, signal: AbortSignal): Promise<Connection> => {
    const open = node.getConnections(peer).find(({ status }) => status === 'open');
    if (open !== undefined) return open;
    const addresses = addressesFor(peer);
    if (addresses.length === 0) {
      throw new KarmeshError('PEER_UNREACHABLE', 'No address of this peer is known.', { peer: peer.toString() });
    }
    return node.dial(addresses, { signal });
  };

  const openStream: Host['openStream'] = async (
    { peer, protocol, maxFrameBytes = defaultFrameBytes, idleMs = defaultIdleMs },
    { signal },
  ) => {
    const id = parsePeer(peer);
    if (signal.aborted) throw abortedBy(signal);
    const timed = AbortSignal.any([signal, stopping.signal, AbortSignal.timeout(openTimeoutMs)]);
    try {
      const connection = await connectionTo(id, timed);
      const stream = await connection.newStream(protocol, { signal: timed, maxOutboundStreams: streamsPerConnection });
      return frameStream({ maxFrameBytes, idleMs }, { stream, remote: identityOf(id) ?? id.toMultihash().bytes });
    } catch (cause) {
      if (signal.aborted) throw abortedBy(signal);
      if (cause instanceof KarmeshError) throw cause;
      throw new KarmeshError(
        'PEER_UNREACHABLE',
        'The peer could not be reached.',
        { peer: id.toString(), protocol },
        cause,
      );
    }
  };

  const connect: Host['connect'] = async (addresses, { signal }) => {
    const parsed = addresses.map((text) => parseAddress(text, 'connect'));
    try {
      const connection = await node.dial(parsed, { signal: AbortSignal.any([signal, stopping.signal]) });
      return connection.remotePeer.toString();
    } catch (cause) {
      if (signal.aborted) throw abortedBy(signal);
      throw new KarmeshError(
        'PEER_UNREACHABLE',
        'No address could be reached.',
        { addresses: addresses.join(' ') },
        cause,
      );
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

  // Announcements.
  let offer: Parameters<Host['announce']>[0] | undefined;
  let said: Uint8Array | undefined;
  let sequence = BigInt(now());
  let nextAnnounceMs = 0;
  let newPeerMs = Number.POSITIVE_INFINITY;
  const sayWhereWeAre = async (): Promise<void> => {
    if (offer === undefined) return;
    sequence += 1n;
    const bytes = encodeAnnouncement(
      { domain, signer: keypair },
      { engineClass: ZERO_HASH, models: [], ...offer, sequence, multiaddrs: addressesOf(node.getMultiaddrs()) },
    );
    said = bytes;
    await topicService.publish(ownTopics.announce, bytes);
  };
  const judgeAnnouncement = (data: Uint8Array, ageMs = 0): GossipVerdict => {
    const signed = parseAnnouncement(data);
    if (signed === undefined) return 'reject';
    const { announcement } = signed;
    const at = now();
    if (Number(announcement.sequence) > at + maxClockSkewMs) return 'ignore';
    const peer = parsePeer(announcement.identity).toString();
    if (peer === self) return 'ignore';
    if (announcement.multiaddrs.some((text) => dialableAddress(text, peer) === undefined)) return 'reject';
    if (book.judge(announcement, at) !== 'kept') return 'ignore';
    if (!checkAnnouncement({ domain, verify }, signed)) return 'reject';
    if (!admit(announcement)) return 'ignore';
    // The bytes are a view of a larger buffer, which would be kept with them.
    if (book.put(announcement, at, { bytes: data.slice(), ageMs }) !== 'kept') return 'ignore';
    for (const listener of announcementListeners) listener(announcement);
    return 'accept';
  };
  topicService.subscribe(ownTopics.announce, ({ data }) => judgeAnnouncement(data));

  // Whom it has not heard yet, a newcomer learns from those whom it dials first. Later it hears everybody by gossip.
  const learning = tokenBucket(learnFrom, now());
  const learnPeers = async (peer: PeerId): Promise<void> => {
    const answer = await askOnce(
      { openStream },
      { peer: peer.toString(), protocol: protocolIds.peers, maxFrameBytes: peersFrameBytes, ask: Uint8Array.of(0) },
      { signal: stopping.signal },
    );
    const heard = answer === undefined ? [] : parsePeers(answer);
    const verdicts = heard?.map(({ announcement, ageMs }) =>
      ageMs < announcementExpiresMs ? judgeAnnouncement(announcement, ageMs) : 'ignore',
    );
    if (verdicts === undefined || verdicts.includes('reject')) blame(peer);
  };
  await answerOnce(
    { handle },
    {
      protocol: protocolIds.peers,
      maxStreams: 16,
      maxStreamsPerPeer: 1,
      maxFrameBytes: peersFrameBytes,
      answer: () => {
        const heard = book
          .heard(now())
          .map(({ bytes, ageMs }) => ({ ageMs: Math.max(0, Math.round(ageMs)), announcement: bytes }));
        return encodePeers(said === undefined ? heard : [{ ageMs: 0, announcement: said }, ...heard], random);
      },
    },
  );
  const onSubscription = (): void => {
    // What is published before both streams of gossip with a new peer stand is lost, so it is told once more a little later.
    newPeerMs = Math.min(newPeerMs, now() + announceGapMs);
  };
  node.services.pubsub.addEventListener('subscription-change', onSubscription);

  const bootstrapTargets: readonly DialTarget[] = bootstrap
    .filter((address) => peerIdTextOf(address) !== self)
    .map((address) => bootstrapTarget(address));
  function bootstrapTarget(address: Multiaddr): DialTarget {
    const named = peerIdTextOf(address);
    let peer: PeerId | undefined = named === undefined ? undefined : parsePeer(named);
    return {
      key: named ?? address.toString(),
      isConnected: () => peer !== undefined && (peer.toString() === self || isConnected(peer)),
      dial: async (signal) => {
        peer = (await node.dial(address, { signal })).remotePeer;
      },
    };
  }
  const targets = (): readonly DialTarget[] => {
    const named = new Set(bootstrapTargets.map(({ key }) => key));
    const peers = new Set(Array.from(connections.values(), ({ remotePeer }) => remotePeer.toString()));
    if (peers.size >= limits.targetPeers) return bootstrapTargets;
    const announced = book
      .list(now())
      .map(({ identity }) => parsePeer(identity))
      .filter((peer) => peer.toString() !== self && !named.has(peer.toString()) && !bans.isBanned(peer.toString()))
      .slice(0, limits.targetPeers)
      .map((peer) => ({
        key: peer.toString(),
        isConnected: () => isConnected(peer),
        dial: async (signal: AbortSignal) => {
          await node.dial(addressesFor(peer), { signal });
        },
      }));
    return [...bootstrapTargets, ...announced];
  };

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
    if (offer !== undefined && now() >= Math.min(nextAnnounceMs, newPeerMs)) {
      if (now() >= newPeerMs) newPeerMs = Number.POSITIVE_INFINITY;
      nextAnnounceMs = now() + Math.round(announceEveryMs * (0.75 + random() / 4));
      sayWhereWeAre().catch((err: unknown) => log.warn({ err }, 'The announcement could not be published.'));
    }
  };

  await serve(
    {
      protocol: protocolIds.alive,
      maxStreams: limits.maxConnections,
      maxStreamsPerPeer: limits.maxConnectionsPerPeer,
      maxFrameBytes: beatBytes,
      idleMs: aliveIdleMs,
      handler: async () => {},
    },
    { counted: false },
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
    announce: (next) => {
      offer = next;
      nextAnnounceMs = 0;
    },
    announcements: () => book.list(now()),
    onAnnouncement: (listener) => {
      announcementListeners.add(listener);
      return () => {
        announcementListeners.delete(listener);
      };
    },
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

/** Waits until the peer has closed its side too, so that what was sent is not cut off by a reset; resets the stream when it takes too long. */
async function endOf(frames: FrameStream, limitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      frames.abort(new KarmeshError('PEER_UNREACHABLE', 'The peer did not close its side.', { limitMs }));
      resolve();
    }, limitMs);
  });
  await Promise.race([frames.ended, late]);
  clearTimeout(timer);
}

function parseAddress(text: string, key: string): Multiaddr {
  try {
    return multiaddr(text);
  } catch (cause) {
    throw new KarmeshError('CONFIG_INVALID', 'An address is no multiaddr.', { [key]: text }, cause);
  }
}

function peerIdTextOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ name }) => name === 'p2p')?.value;
}

function abortedBy(signal: AbortSignal): KarmeshError {
  const reason: unknown = signal.reason;
  return reason instanceof KarmeshError ? reason : new KarmeshError('ABORTED', 'The caller gave up.', {}, reason);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
