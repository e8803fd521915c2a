/** Bytes of one message at most, whatever its protocol and however many frames carry it: 50 MB. */
export const maxMessageBytes = 50_000_000;

/** Bounds on what peers may cost a host. All are first values. */
export type NetworkLimits = {
  /** Connections in all. */
  readonly maxConnections: number;
  /** Connections with one peer; two arise when both dial at once. */
  readonly maxConnectionsPerPeer: number;
  /** Streams that peers have opened to us, in all and for one peer; beats and gossip are not counted. */
  readonly maxInboundStreams: number;
  readonly maxInboundStreamsPerPeer: number;
  /**
   * Asks in a minute, and at once after a quiet one, that no ticket pays for: of a stranger, and beyond them of a bonded participant.
   * A validator asks each gateway for a body a second and for headers each five, and for thousands of bodies when it was away.
   */
  readonly asksPerMinute: number;
  readonly bondedAsksPerMinute: number;
  /** Connections that one address may open in a second. A localnet's processes share one address. */
  readonly inboundConnectionsPerSecond: number;
  /** Bytes of one gossip message. Larger things are fetched by hash. */
  readonly maxGossipBytes: number;
  /** Gossip messages that one peer may hand us in a second, and at once after a quiet time. */
  readonly gossipPerSecond: number;
  readonly gossipBurst: number;
  /** Milliseconds that a topic's check may take before its message is ignored. */
  readonly validateMs: number;
  /** Messages whose check may be running at once; what comes above is ignored. */
  readonly maxValidating: number;
  /** Announcements kept. */
  readonly maxBookEntries: number;
  /** Peers that a host keeps connections to of its own accord. */
  readonly targetPeers: number;
};

export const defaultLimits: NetworkLimits = {
  maxConnections: 256,
  maxConnectionsPerPeer: 4,
  maxInboundStreams: 1024,
  maxInboundStreamsPerPeer: 128,
  asksPerMinute: 100,
  bondedAsksPerMinute: 12_000,
  inboundConnectionsPerSecond: 5,
  maxGossipBytes: 16_384,
  gossipPerSecond: 200,
  gossipBurst: 400,
  validateMs: 1_000,
  maxValidating: 512,
  maxBookEntries: 4_096,
  targetPeers: 8,
};
