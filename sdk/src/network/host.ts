import type { KarmeshErrorCode } from '../errors.ts';
import type { Hash } from '../protocol/hash.ts';
import type { Identity } from '../protocol/signature.ts';
import type { Announcement } from './announcement.ts';
import type { Lookup } from './fetchByHash.ts';
import type { FrameStream } from './frameStream.ts';
import type { Gossip } from './gossip.ts';
import type { WorkerHealth } from './workerHealth.ts';

type Signalled = { readonly signal: AbortSignal };

/** A peer by its 32-byte identity or its peer id's text; they are one key. */
export type PeerName = Uint8Array | string;

export type OpenStreamOptions = {
  readonly peer: PeerName;
  readonly protocol: string;
  /** The largest frame in bytes; 65,536 unless told. */
  readonly maxFrameBytes?: number;
  /** Milliseconds in which nothing moves either way after which the stream is given up; 300,000 unless told. */
  readonly idleMs?: number;
};

export type HandleOptions = {
  readonly protocol: string;
  /** Streams of this protocol open at once, in all and for one peer (as many as in all unless told). */
  readonly maxStreams: number;
  readonly maxStreamsPerPeer?: number;
  readonly maxFrameBytes?: number;
  /** As for `openStream`. */
  readonly idleMs?: number;
  /**
   * Whether what is asked here carries a ticket, which the handler checks: then only those streams count as asks (N-12) that it counts
   * itself. All do unless told.
   */
  readonly ticketed?: boolean;
  /** Serves one stream. When it returns the stream is closed after what was sent; when it throws the stream is reset. */
  readonly handler: (stream: FrameStream, ask: { count(): void }) => Promise<void>;
};

export type ConnectedPeer = {
  readonly identity: Identity;
  readonly peerId: string;
  readonly address: string;
  /** Milliseconds of the last beat there and back, where this side sends them. */
  readonly roundTripMs: number | undefined;
};

/** `lost` carries why: a sentence for people, and the code of our error if this side dropped the peer. */
export type PeerEvent =
  | { readonly kind: 'connected'; readonly identity: Identity }
  | {
      readonly kind: 'lost';
      readonly identity: Identity;
      readonly reason: string;
      readonly code: KarmeshErrorCode | undefined;
    };

/** What a participant announces besides where it listens; `health` is asked each time that it is said. */
export type Offer = Pick<Announcement, 'role' | 'participant'> &
  Partial<Pick<Announcement, 'engineClass' | 'models'>> & { readonly health?: () => WorkerHealth };

/** Our place in the network: one identity, its connections, streams and topics. */
export type Host = AsyncDisposable & {
  readonly peerId: string;
  readonly identity: Identity;
  /** Where this host listens, each with its peer id. */
  addresses(): string[];
  /** Connects to one peer by any of its addresses and gives its peer id. */
  connect(addresses: readonly string[], options: Signalled): Promise<string>;
  /**
   * Opens a stream to a peer that is connected, announced or among the bootstrap peers, dialling it if need be.
   *
   * @throws KarmeshError `PEER_UNREACHABLE`, `ABORTED`, `BAD_ARGUMENT`.
   */
  openStream(options: OpenStreamOptions, signalled: Signalled): Promise<FrameStream>;
  /** Serves a protocol. The result stops serving new streams. */
  handle(options: HandleOptions): Promise<() => Promise<void>>;
  /** The connected peers that take part in a topic. */
  subscribers(topic: string): readonly Identity[];
  readonly publish: Gossip['publish'];
  readonly subscribe: Gossip['subscribe'];
  /** Serves `/karmesh/fetch/1` from what `lookup` finds. */
  serveByHash(lookup: Lookup): Promise<() => Promise<void>>;
  /**
   * Fetches a body of at most `maxBytes` and checks it against its SHA-256.
   *
   * @throws KarmeshError `PEER_UNREACHABLE`, `MESSAGE_TOO_LARGE`, `PROTOCOL_VIOLATION`, `ABORTED`.
   */
  fetchByHash(
    options: { readonly peer: PeerName; readonly hash: Hash; readonly maxBytes: number },
    signalled: Signalled,
  ): Promise<Uint8Array>;
  /** Says where we are and what we offer, now, to every new peer, and again from time to time. */
  announce(offer: Offer): void;
  /** The newest announcement of every participant heard lately. */
  announcements(): readonly Announcement[];
  /** Tells of each announcement as it is accepted; the result stops it. */
  onAnnouncement(listener: (announcement: Announcement) => void): () => void;
  peers(): readonly ConnectedPeer[];
  /** Tells of peers that come and go; the result stops it. */
  onPeer(listener: (event: PeerEvent) => void): () => void;
};
