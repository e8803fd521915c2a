import {
  type GossipSub,
  type GossipsubOpts,
  type Message,
  StrictNoSign,
  TopicValidatorResult,
} from '@libp2p/gossipsub';
import type { PeerId } from '@libp2p/interface';
import { KarmeshError } from '../errors.ts';
import { hash } from '../protocol/hash.ts';
import type { Identity } from '../protocol/signature.ts';
import { identityOf } from './identity.ts';
import type { NetworkLimits } from './limits.ts';
import { type TokenBucket, tokenBucket } from './tokenBucket.ts';

/** What a topic's check says: `ignore` costs the peer that handed it on nothing, `reject` costs it score and at last its connection. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject';

export type GossipMessage = {
  readonly topic: string;
  readonly data: Uint8Array;
  /** The peer that handed the message on, which need not be its author. */
  readonly from: Identity;
};

export type GossipCheck = (message: GossipMessage) => GossipVerdict | Promise<GossipVerdict>;

export type Gossip = {
  /**
   * Hands a message to the topic's peers; resolves with how many it was handed to, which is no proof that they got it. The same bytes go out
   * once in twenty seconds, even if nobody was there.
   */
  publish(topic: string, data: Uint8Array): Promise<number>;
  /** Joins a topic. Only what `check` accepts is handed on to others. The result leaves the topic. */
  subscribe(topic: string, check: GossipCheck): () => void;
};

const tag = new TextEncoder().encode('karmesh:gossip:');
const textEncoder = new TextEncoder();
const kibibyte = 1024;

/** Gossipsub's settings: no signatures of its own, since every payload carries ours, and scores that only fall by rejects. */
export function gossipsubOptions({
  localnet,
  limits,
  topics,
}: {
  readonly localnet: boolean;
  readonly limits: Pick<NetworkLimits, 'maxGossipBytes'>;
  readonly topics: readonly string[];
}): Partial<GossipsubOpts> {
  const topicScore = {
    topicWeight: 1,
    timeInMeshWeight: 0,
    timeInMeshQuantum: 1_000,
    timeInMeshCap: 1,
    firstMessageDeliveriesWeight: 0.1,
    firstMessageDeliveriesDecay: 0.9,
    firstMessageDeliveriesCap: 10,
    // A topic may be quiet for an hour, so a peer that delivers nothing is no worse for it.
    meshMessageDeliveriesWeight: 0,
    meshMessageDeliveriesDecay: 0.5,
    meshMessageDeliveriesCap: 1,
    meshMessageDeliveriesThreshold: 1,
    meshMessageDeliveriesWindow: 10,
    meshMessageDeliveriesActivation: 5_000,
    meshFailurePenaltyWeight: 0,
    meshFailurePenaltyDecay: 0.5,
    // The penalty is the square of the count: nine rejects within a minute or so reach the graylist's -80.
    invalidMessageDeliveriesWeight: -1,
    invalidMessageDeliveriesDecay: 0.97,
  };
  return {
    globalSignaturePolicy: StrictNoSign,
    fallbackToFloodsub: false,
    // The first hop goes to every peer of the topic, because a young or small mesh loses messages otherwise. That is why four
    // neighbours are enough for the hops after it: each more costs every peer a copy of every message.
    floodPublish: true,
    D: 4,
    Dlo: 3,
    Dhi: 8,
    Dlazy: 4,
    doPX: false,
    emitSelf: false,
    // What went to nobody must not count as seen, or it could not be sent again once somebody listens.
    allowPublishToZeroTopicPeers: false,
    ignoreDuplicatePublishError: true,
    // Long enough for a message to have gone round, and short enough for one that went to dead connections to be sent again in time.
    seenTTL: 20_000,
    allowedTopics: [...topics],
    msgIdFn: ({ topic, data }: Message) => hash(tag, textEncoder.encode(topic), new Uint8Array(1), data),
    // One RPC carries a message or the ids of many.
    maxInboundDataLength: limits.maxGossipBytes + 256 * kibibyte,
    maxOutboundBufferSize: 4 * kibibyte * kibibyte,
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    runOnLimitedConnection: true,
    maxTopicBytesPerPeer: 64 * kibibyte,
    decodeRpcLimits: {
      maxSubscriptions: 128,
      maxMessages: 256,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 5_000,
      maxControlMessages: 128,
      maxIdontwantMessageIDs: 512,
      maxPeerInfos: 16,
    },
    scoreParams: {
      topics: Object.fromEntries(topics.map((topic) => [topic, topicScore])),
      // On one machine every peer has one address, and gossipsub would shun them all.
      IPColocationFactorWeight: localnet ? 0 : -5,
      retainScore: 600_000,
    },
  };
}

export type GossipParts = {
  readonly pubsub: Pick<GossipSub, 'publish' | 'subscribe' | 'unsubscribe' | 'topicValidators'>;
  readonly now: () => number;
  /** Called for each message that was rejected, with the peer that handed it on. */
  readonly onReject: (peer: PeerId, topic: string) => void;
  readonly onCheckError: (error: unknown, topic: string) => void;
  /** Called with what became of each message that arrived. */
  readonly onJudged?: ((topic: string, verdict: GossipVerdict) => void) | undefined;
};

type GossipLimits = Pick<
  NetworkLimits,
  'maxGossipBytes' | 'gossipPerSecond' | 'gossipBurst' | 'validateMs' | 'maxValidating' | 'maxConnections'
>;

const results: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/** What gossipsub throws where nobody takes part in a topic. */
const NO_PEERS = 'PublishError.NoPeersSubscribedToTopic';

/** Topics with a check each, behind limits on size, rate and time. */
export const gossip =
  ({ topics, limits }: { readonly topics: readonly string[]; readonly limits: GossipLimits }) =>
  ({ pubsub, now, onReject, onCheckError, onJudged }: GossipParts): Gossip => {
    const buckets = new Map<string, TokenBucket>();
    let validating = 0;

    const mayPass = (peer: string): boolean => {
      const at = now();
      let bucket = buckets.get(peer);
      if (bucket === undefined) {
        if (buckets.size >= 4 * limits.maxConnections) {
          for (const [key, each] of buckets) if (each.isFull(at)) buckets.delete(key);
        }
        bucket = tokenBucket({ perSecond: limits.gossipPerSecond, burst: limits.gossipBurst }, at);
        buckets.set(peer, bucket);
      }
      return bucket.take(at);
    };

    const judge = async (peer: PeerId, topic: string, data: Uint8Array, check: GossipCheck): Promise<GossipVerdict> => {
      const from = identityOf(peer);
      if (from === undefined || data.length === 0 || data.length > limits.maxGossipBytes) return 'reject';
      if (!mayPass(peer.toString()) || validating >= limits.maxValidating) return 'ignore';
      const late = Promise.withResolvers<GossipVerdict>();
      const timer = setTimeout(() => late.resolve('ignore'), limits.validateMs);
      validating += 1;
      try {
        return await Promise.race([check({ topic, data, from }), late.promise]);
      } catch (error) {
        // A check that throws is our fault, so the peer does not pay for it.
        onCheckError(error, topic);
        return 'ignore';
      } finally {
        validating -= 1;
        clearTimeout(timer);
      }
    };

    const requireTopic = (topic: string): void => {
      if (!topics.includes(topic))
        throw new KarmeshError('BAD_ARGUMENT', 'The host was not created with this topic.', { topic });
    };

    return {
      publish: async (topic, data) => {
        requireTopic(topic);
        if (data.length === 0 || data.length > limits.maxGossipBytes) {
          const facts = { topic, bytes: data.length, maxGossipBytes: limits.maxGossipBytes };
          throw new KarmeshError('MESSAGE_TOO_LARGE', 'The gossip message is empty or over the limit.', facts);
        }
        try {
          const { recipients } = await pubsub.publish(topic, data);
          return recipients.length;
        } catch (error) {
          if (error instanceof Error && error.message === NO_PEERS) return 0;
          throw error;
        }
      },
      subscribe: (topic, check) => {
        requireTopic(topic);
        if (pubsub.topicValidators.has(topic)) {
          throw new KarmeshError('BAD_ARGUMENT', 'The topic already has a check.', { topic });
        }
        pubsub.topicValidators.set(topic, async (peer, { data }) => {
          const verdict = await judge(peer, topic, data, check);
          onJudged?.(topic, verdict);
          if (verdict === 'reject') onReject(peer, topic);
          return results[verdict];
        });
        pubsub.subscribe(topic);
        return () => {
          pubsub.unsubscribe(topic);
          pubsub.topicValidators.delete(topic);
        };
      },
    };
  };
