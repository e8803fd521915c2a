import type { PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { KarmeshError } from '../errors.ts';
import { ZERO_HASH } from '../protocol/hash.ts';
import type { Domain } from '../protocol/header.ts';
import type { VerifySignature } from '../protocol/signature.ts';
import type { Signer } from '../signer.ts';
import { addressesOf, dialableAddress } from './addresses.ts';
import {
  type Announcement,
  checkAnnouncement,
  encodeAnnouncement,
  parseAnnouncement,
  type SignedAnnouncement,
} from './announcement.ts';
import { answerOnce, askOnce } from './askOnce.ts';
import type { Gossip, GossipVerdict } from './gossip.ts';
import type { Host, Offer } from './host.ts';
import { parsePeer } from './identity.ts';
import { ownLife } from './incarnation.ts';
import type { NetworkLimits } from './limits.ts';
import { peerBook } from './peerBook.ts';
import { encodePeers, parsePeers, peersFrameBytes } from './peerExchange.ts';
import { protocolIds, topics } from './protocolIds.ts';
import { tokenBucket } from './tokenBucket.ts';

/** Peers that are asked whom they know: the first few, and one now and then for who was cut off for a while. */
const learnRate = { perSecond: 0.2, burst: 4 } as const;
/** When a newcomer asks once more, in milliseconds after its first answer: who came at the same time was not known before. */
const askAgainMs: readonly number[] = [1_000, 3_000];
/** What somebody asks who has nothing to announce. */
const NOBODY = Uint8Array.of(0);
const announceEveryMs = 10_000;
const announceGapMs = 600;
const announcementExpiresMs = 60_000;

export type MembershipParts = {
  /** Our own peer id. */
  readonly self: string;
  readonly keypair: Signer;
  readonly domain: Domain;
  readonly verify: VerifySignature;
  /** Whether an announcement is worth keeping. */
  readonly admit: (announcement: Announcement) => boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly gossip: Gossip;
  readonly streams: Pick<Host, 'openStream' | 'handle'>;
  /** Where we listen now. */
  readonly addresses: () => readonly Multiaddr[];
  /** The peer passed on what nobody may say. */
  readonly onFault: (peer: PeerId) => void;
  /** Another process says that it is us: it has the same identity. */
  readonly onTwin: () => void;
  /** Any peer that is connected. */
  readonly someone: () => PeerId | undefined;
  readonly onError: (error: unknown, sentence: string) => void;
  /** A peer did not say whom it knows. */
  readonly onSilent: (error: unknown) => void;
  /** Ends everything that is under way. */
  readonly stopping: AbortSignal;
};

/** Who takes part: what we say of ourselves, and the newest that everybody else has said. */
export type Membership = Pick<Host, 'announce' | 'announcements' | 'onAnnouncement'> & {
  /** What an identity said of itself, unless that is too long ago. */
  find(identity: Uint8Array): Announcement | undefined;
  /** Tells a peer of ourselves and asks whom it knows, unless enough were asked lately. */
  meet(peer: PeerId): Promise<void>;
  /** Somebody takes part in gossip who did not before. */
  onNewcomer(): void;
  /** To be called several times a second. */
  tick(): void;
};

export async function openMembership(
  { limits }: { readonly limits: Pick<NetworkLimits, 'maxBookEntries'> },
  parts: MembershipParts,
): Promise<Membership> {
  const { self, keypair, domain, verify, admit, now, random, gossip } = parts;
  const listeners = new Set<(announcement: Announcement) => void>();
  const book = peerBook({
    maxEntries: limits.maxBookEntries,
    expireMs: announcementExpiresMs,
    minIntervalMs: announceGapMs / 2,
  });
  const learning = tokenBucket(learnRate, now());
  let offer: Offer | undefined;
  let said: Uint8Array | undefined;
  const life = ownLife({ now });
  let nextMs = 0;
  let newcomerMs = Number.POSITIVE_INFINITY;

  /** Our announcement as of now, if we have anything to announce. */
  const renew = (): Uint8Array | undefined => {
    if (offer === undefined) return undefined;
    const { health, ...lasting } = offer;
    said = encodeAnnouncement(
      { domain, signer: keypair },
      {
        engineClass: ZERO_HASH,
        models: [],
        ...lasting,
        ...life.next(),
        multiaddrs: addressesOf(parts.addresses()),
        health: health?.(),
      },
    );
    return said;
  };
  const publish = (announcement: Uint8Array): void => {
    gossip
      .publish(topics.announce, announcement)
      .catch((error: unknown) => parts.onError(error, 'An announcement could not be published.'));
  };

  // What is published before both streams of gossip with a new peer stand is lost, so it is told once more a little later.
  const sayAgainSoon = (): void => {
    newcomerMs = Math.min(newcomerMs, now() + announceGapMs);
  };

  /** N-10: what others still hold of a former life of this identity is replaced. */
  const judgeOwn = (signed: SignedAnnouncement): GossipVerdict => {
    if (!life.isOutdoneBy(signed.announcement)) return 'ignore';
    if (!checkAnnouncement({ domain, verify }, signed)) return 'reject';
    const { isRaised, isTwin } = life.outdo(signed.announcement);
    if (isRaised) sayAgainSoon();
    if (isTwin) parts.onTwin();
    return 'ignore';
  };

  const judge = (data: Uint8Array, ageMs = 0): GossipVerdict => {
    const signed = parseAnnouncement(data);
    if (signed === undefined) return 'reject';
    const { announcement } = signed;
    const at = now();
    const peer = parsePeer(announcement.identity).toString();
    if (peer === self) return judgeOwn(signed);
    if (announcement.multiaddrs.some((text) => dialableAddress(text, peer) === undefined)) return 'reject';
    const verdict = book.judge(announcement, at);
    // What was learned from a peer comes by gossip too, and is news to those who hear it from us.
    if (verdict === 'same' && book.holds(announcement.identity, data)) return 'accept';
    if (verdict !== 'kept') return 'ignore';
    if (!checkAnnouncement({ domain, verify }, signed)) return 'reject';
    if (!admit(announcement)) return 'ignore';
    // The bytes are a view of a larger buffer, which would be kept with them.
    if (book.put(announcement, at, { bytes: data.slice(), ageMs }) !== 'kept') return 'ignore';
    for (const listener of listeners) listener(announcement);
    return 'accept';
  };
  gossip.subscribe(topics.announce, ({ data }) => judge(data));

  // Whom it has not heard yet, a newcomer learns from those whom it meets first. Later it hears everybody by gossip.
  let again: readonly number[] | undefined;
  let isIntroduced = false;
  const meet: Membership['meet'] = async (peer) => {
    if (!learning.take(now())) return;
    const word = said ?? renew();
    const answer = await askOnce(
      parts.streams,
      {
        peer: peer.toString(),
        protocol: protocolIds.peers,
        maxFrameBytes: peersFrameBytes,
        ask: word ?? NOBODY,
      },
      { signal: parts.stopping },
    );
    isIntroduced ||= word !== undefined && answer !== undefined;
    again ??= askAgainMs.map((ms) => now() + ms);
    const heard = answer === undefined ? [] : parsePeers(answer);
    const verdicts = heard?.map(({ announcement, ageMs }) =>
      ageMs < announcementExpiresMs ? judge(announcement, ageMs) : 'ignore',
    );
    if (verdicts === undefined || verdicts.includes('reject')) parts.onFault(peer);
  };
  await answerOnce(parts.streams, {
    protocol: protocolIds.peers,
    maxStreams: 16,
    maxStreamsPerPeer: 1,
    maxFrameBytes: peersFrameBytes,
    answer: (asker) => {
      if (asker.length > NOBODY.length) {
        const verdict = judge(asker);
        if (verdict === 'reject')
          throw new KarmeshError('PROTOCOL_VIOLATION', 'The peer introduced itself by a false announcement.');
        // Its own gossip does not reach far yet.
        if (verdict === 'accept') publish(asker);
      }
      const heard = book
        .heard(now())
        .map(({ bytes, ageMs }) => ({ ageMs: Math.max(0, Math.round(ageMs)), announcement: bytes }));
      return encodePeers(said === undefined ? heard : [{ ageMs: 0, announcement: said }, ...heard], random);
    },
  });

  return {
    announce: (next) => {
      offer = next;
      nextMs = 0;
    },
    announcements: () => book.list(now()),
    onAnnouncement: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    find: (identity) => book.get(identity, now()),
    meet,
    onNewcomer: () => {
      if (!isIntroduced) sayAgainSoon();
    },
    tick: () => {
      const at = now();
      if (at >= Math.min(nextMs, newcomerMs)) {
        if (at >= newcomerMs) newcomerMs = Number.POSITIVE_INFINITY;
        nextMs = at + Math.round(announceEveryMs * (0.75 + random() / 4));
        const announcement = renew();
        if (announcement !== undefined) publish(announcement);
      }
      const [nextAskMs, ...later] = again ?? [];
      const peer = nextAskMs !== undefined && at >= nextAskMs ? parts.someone() : undefined;
      if (peer === undefined) return;
      again = later;
      meet(peer).catch(parts.onSilent);
    },
  };
}
