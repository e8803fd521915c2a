import type { Connection, PeerId, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { KarmeshError } from '../errors.ts';
import type { AskLimit } from './askLimit.ts';
import { type FrameStream, frameStream } from './frameStream.ts';
import type { HandleOptions, Host } from './host.ts';
import { identityOf, parsePeer } from './identity.ts';
import type { NetworkLimits } from './limits.ts';
import { streamLimit } from './streamLimit.ts';

/** How long a dial or the opening of a stream may take, in milliseconds. */
export const openTimeoutMs = 5_000;
/** Streams that one connection carries in each direction at most. */
export const streamsPerConnection = 1_024;
const defaultFrameBytes = 65_536;
const defaultIdleMs = 300_000;
/** How long a served stream waits for the peer to read the rest and close its side. */
const lingerMs = 30_000;

export type PeerStreamsParts = {
  readonly node: Pick<Libp2p, 'handle' | 'unhandle' | 'getConnections' | 'dial'>;
  /** Where a peer may be dialled; throws if nobody knows. */
  readonly addressesFor: (peer: PeerId, signal: AbortSignal) => Promise<readonly Multiaddr[]>;
  /** Ends everything that is under way. */
  readonly stopping: AbortSignal;
  readonly asks: AskLimit<PeerId>;
  /** The peer asked on although it had asked too often. */
  readonly onExcess: (peer: PeerId) => void;
  readonly onFailure: (fields: { readonly peer: string; readonly protocol: string }, error: unknown) => void;
};

export type PeerStreams = Pick<Host, 'openStream' | 'handle'> & {
  /** As `handle`, for the few streams that belong to a connection itself and count against no limit of the peer. */
  handleUncounted(
    options: Serving,
    handler: (stream: FrameStream, connection: Connection) => Promise<void>,
  ): Promise<() => Promise<void>>;
};

type Serving = Required<Omit<HandleOptions, 'handler' | 'ticketed'>>;
/** What counts as an ask: nothing, every stream, or those that turn out to carry no ticket. */
type Counting = 'none' | 'streams' | 'unticketed';

/** Streams of frames from and to peers, behind limits on how many, how large and how long. */
export function peerStreams(
  { limits }: { readonly limits: Pick<NetworkLimits, 'maxInboundStreams' | 'maxInboundStreamsPerPeer'> },
  { node, addressesFor, stopping, asks, onExcess, onFailure }: PeerStreamsParts,
): PeerStreams {
  const inbound = streamLimit({ maxInAll: limits.maxInboundStreams, maxPerPeer: limits.maxInboundStreamsPerPeer });

  const serve = async (
    { protocol, maxStreams, maxStreamsPerPeer, maxFrameBytes, idleMs }: Serving,
    counting: Counting,
    accept: (stream: FrameStream, connection: Connection) => Promise<void>,
  ): Promise<() => Promise<void>> => {
    const own = streamLimit({ maxInAll: maxStreams, maxPerPeer: maxStreamsPerPeer });
    await node.handle(
      protocol,
      async (stream: Stream, connection: Connection) => {
        const peer = connection.remotePeer.toString();
        const remote = identityOf(connection.remotePeer);
        const isTooMuch =
          (counting === 'streams' && !asks.take(connection.remotePeer)) ||
          (counting === 'unticketed' && !asks.mayAsk(connection.remotePeer));
        if (isTooMuch) {
          stream.abort(new KarmeshError('PROTOCOL_VIOLATION', 'The peer asks too often.', { protocol }));
          onExcess(connection.remotePeer);
          return;
        }
        const leave = counting === 'none' ? () => {} : inbound.enter(peer);
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
          onFailure({ peer, protocol }, error);
          frames.abort(error instanceof Error ? error : new Error(String(error)));
        } finally {
          leaveOwn();
          leave?.();
        }
      },
      { maxInboundStreams: maxStreamsPerPeer, maxOutboundStreams: streamsPerConnection, runOnLimitedConnection: true },
    );
    return () => node.unhandle(protocol);
  };

  const connectionTo = async (peer: PeerId, signal: AbortSignal): Promise<Connection> => {
    const open = node.getConnections(peer).find(({ status }) => status === 'open');
    return open ?? node.dial([...(await addressesFor(peer, signal))], { signal });
  };

  return {
    handle: ({ handler, ticketed = false, ...wanted }) =>
      serve(
        { maxFrameBytes: defaultFrameBytes, idleMs: defaultIdleMs, maxStreamsPerPeer: wanted.maxStreams, ...wanted },
        ticketed ? 'unticketed' : 'streams',
        (stream, { remotePeer }) => handler(stream, { count: () => void (ticketed && asks.take(remotePeer)) }),
      ),
    handleUncounted: (options, handler) => serve(options, 'none', handler),
    openStream: async ({ peer, protocol, maxFrameBytes = defaultFrameBytes, idleMs = defaultIdleMs }, { signal }) => {
      const id = parsePeer(peer);
      if (signal.aborted) throw abortedBy(signal);
      const timed = AbortSignal.any([signal, stopping, AbortSignal.timeout(openTimeoutMs)]);
      try {
        const connection = await connectionTo(id, timed);
        const stream = await connection.newStream(protocol, {
          signal: timed,
          maxOutboundStreams: streamsPerConnection,
          runOnLimitedConnection: true,
        });
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
    },
  };
}

/** The caller's reason as an error of ours. */
export function abortedBy(signal: AbortSignal): KarmeshError {
  const reason: unknown = signal.reason;
  return reason instanceof KarmeshError ? reason : new KarmeshError('ABORTED', 'The caller gave up.', {}, reason);
}

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
