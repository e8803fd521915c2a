import type { Clock } from '@karmesh/sdk/clock';
import type { KarmeshErrorCode } from '@karmesh/sdk/errors';
import type { ConnectedPeer, Host, PeerEvent } from '@karmesh/sdk/network';
import { type ChainView, type ParticipantAccount, ROLE, toBase58 } from '@karmesh/sdk/program';
import { toHex } from '@karmesh/sdk/protocol';

/** How a connection ended: by either side closing it, or by this one for a reason. */
export type LossCause = 'closed' | 'silent' | 'violation' | 'failed';

export type MeshPeer = {
  /** Base58 of the identity key, which every peer has. */
  readonly identity: string;
  /** Base58 of the account, and its role; null for a peer that the chain does not know. */
  readonly participant: string | null;
  readonly role: MeshRole | null;
  readonly isConnected: boolean;
  /** Unix milliseconds of the last change between connected and lost. */
  readonly sinceMs: number;
  /** Of the last beat there and back; null where the peer sends the beats, or was lost. */
  readonly roundTripMs: number | null;
  /** Unix milliseconds of the last announcement that was accepted; null before the first. */
  readonly announcedMs: number | null;
  readonly lost: { readonly cause: LossCause; readonly reason: string } | null;
};
export type MeshRole = keyof typeof ROLE;

/** One peer that came or went; `number` counts up, so that a watcher knows what it has already seen. */
export type MeshChange = Pick<MeshPeer, 'identity' | 'participant' | 'role' | 'isConnected' | 'lost'> & {
  readonly number: number;
  readonly atMs: number;
};

/** The mesh as one gateway sees it; other peers' connections are not known to it. */
export type MeshFacts = {
  readonly atMs: number;
  /** Base58 of the gateway's own account. */
  readonly gateway: string;
  /** Peers in all, of which `peers` has the first. */
  readonly total: number;
  readonly peers: readonly MeshPeer[];
  /** The last changes, the newest last. */
  readonly changes: readonly MeshChange[];
};

export type MeshOptions = {
  /** Peers of one answer, and peers that are remembered after they were lost. */
  readonly maxPeers: number;
  /** How long a lost peer is shown, in milliseconds. */
  readonly keepLostMs: number;
  readonly maxChanges: number;
};

export type MeshParts = {
  readonly host: Pick<Host, 'peers' | 'onPeer' | 'onAnnouncement'>;
  readonly view: Pick<ChainView, 'participantByIdentity'>;
  readonly gateway: Uint8Array;
  readonly clock: Pick<Clock, 'nowMs'>;
};

export type ObservedMesh = Disposable & {
  read(): MeshFacts;
  /** Called after each peer that comes or goes; the result stops it. */
  onChange(listener: () => void): () => void;
};

type Known = {
  readonly identity: Uint8Array;
  isConnected: boolean;
  sinceMs: number;
  announcedMs: number | undefined;
  lost: MeshPeer['lost'];
};

const CAUSES: Readonly<Partial<Record<KarmeshErrorCode, LossCause>>> = {
  PEER_UNREACHABLE: 'silent',
  PROTOCOL_VIOLATION: 'violation',
};
const ROLES: ReadonlyMap<number, MeshRole> = new Map(
  (['worker', 'validator', 'gateway'] as const).map((name) => [ROLE[name], name]),
);
const MAX_REASON_CHARACTERS = 200;

/** Follows the host's peers: who is connected, how quick, heard when, and how and why one was lost. */
export const observeMesh =
  (options: MeshOptions) =>
  ({ host, view, gateway, clock }: MeshParts): ObservedMesh => {
    const { keepLostMs, maxChanges, maxPeers } = options;
    const peers = new Map<string, Known>();
    const listeners = new Set<() => void>();
    let changes: readonly MeshChange[] = [];
    let number = 0;

    const meet = (identity: Uint8Array): Known => {
      const known: Known = {
        identity,
        isConnected: true,
        sinceMs: clock.nowMs(),
        announcedMs: undefined,
        lost: null,
      };
      peers.set(toHex(identity), known);
      return known;
    };

    const named = ({ identity }: Pick<Known, 'identity'>) => {
      const account: ParticipantAccount | undefined = view.participantByIdentity(identity);
      return {
        identity: toBase58(identity),
        participant: account === undefined ? null : toBase58(account.address),
        role: account === undefined ? null : (ROLES.get(account.role) ?? null),
      };
    };

    /** Lost peers are shown for a while, and never more of them than fit. */
    const forget = (): void => {
      const lost = [...peers]
        .filter(([, { isConnected }]) => !isConnected)
        .sort(([, a], [, b]) => b.sinceMs - a.sinceMs);
      for (const [i, [key, { sinceMs }]] of lost.entries()) {
        if (i >= maxPeers || clock.nowMs() - sinceMs > keepLostMs) peers.delete(key);
      }
    };

    const onPeer = (event: PeerEvent): void => {
      const known = peers.get(toHex(event.identity)) ?? meet(event.identity);
      known.isConnected = event.kind === 'connected';
      known.sinceMs = clock.nowMs();
      known.lost =
        event.kind === 'connected'
          ? null
          : {
              cause: event.code === undefined ? 'closed' : (CAUSES[event.code] ?? 'failed'),
              reason: event.reason.slice(0, MAX_REASON_CHARACTERS),
            };
      number += 1;
      const { isConnected, lost, sinceMs } = known;
      changes = [...changes, { number, atMs: sinceMs, ...named(known), isConnected, lost }].slice(-maxChanges);
      forget();
      for (const listener of listeners) listener();
    };

    const stopped = [
      host.onPeer(onPeer),
      host.onAnnouncement(({ identity }) => {
        const known = peers.get(toHex(identity));
        if (known !== undefined) known.announcedMs = clock.nowMs();
      }),
    ];
    for (const { identity } of host.peers()) meet(identity);

    const peerFacts = (known: Known, connected: ReadonlyMap<string, ConnectedPeer>): MeshPeer => ({
      ...named(known),
      isConnected: known.isConnected,
      sinceMs: known.sinceMs,
      roundTripMs: (known.isConnected ? connected.get(toHex(known.identity))?.roundTripMs : undefined) ?? null,
      announcedMs: known.announcedMs ?? null,
      lost: known.lost,
    });

    return {
      read() {
        forget();
        const connected = new Map(host.peers().map((peer) => [toHex(peer.identity), peer]));
        const all = [...peers.values()].sort((a, b) => Number(b.isConnected) - Number(a.isConnected));
        return {
          atMs: clock.nowMs(),
          gateway: toBase58(gateway),
          total: all.length,
          peers: all.slice(0, maxPeers).map((known) => peerFacts(known, connected)),
          changes,
        };
      },
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      [Symbol.dispose]() {
        for (const stop of stopped) stop();
        listeners.clear();
      },
    };
  };
