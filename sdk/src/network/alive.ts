import { KarmeshError } from '../errors.ts';
import type { FrameStream } from './frameStream.ts';
import { type Lease, lease } from './lease.ts';
import { tokenBucket } from './tokenBucket.ts';

/** Bytes of one beat: a counter, u64 little-endian, which the other side sends back. */
export const beatBytes = 8;

export type AliveOptions = {
  /** How often silence is counted, in milliseconds. */
  readonly tickMs: number;
  /** A beat is sent on every so many ticks. */
  readonly ticksPerBeat: number;
  /** Silence after which a peer counts as dead. */
  readonly deadAfterMs: number;
  /** Silence allowed before the first beat. */
  readonly graceMs: number;
};

/** Notices a dead or frozen peer within two seconds: at most 1,600 ms of silence and one tick. */
export const defaultAlive: AliveOptions = { tickMs: 200, ticksPerBeat: 3, deadAfterMs: 1_600, graceMs: 6_000 };

/** A connection as the guard sees it. */
export type GuardedConnection = {
  readonly id: string;
  /** Whether this side opened the connection; it then opens the stream of beats too. */
  readonly outbound: boolean;
  openBeats(signal: AbortSignal): Promise<FrameStream>;
  /** When it last brought anything at all, by `now`: who is busy answers beats late. */
  heardMs(): number | undefined;
};

export type AliveParts = {
  readonly now: () => number;
  /** The connection's peer is dead, frozen, or does not keep to the protocol. */
  readonly onDead: (connectionId: string, error: Error) => void;
};

export type AliveGuard = {
  watch(connection: GuardedConnection): void;
  unwatch(connectionId: string): void;
  /** Answers the beats of a connection that the peer opened. */
  answer(connectionId: string, stream: FrameStream): Promise<void>;
  /** To be called every `tickMs`. */
  tick(): void;
  /** Milliseconds of the last beat there and back, where this side sends them. */
  roundTripMs(connectionId: string): number | undefined;
};

type Watched = {
  readonly outbound: boolean;
  readonly heardMs: () => number | undefined;
  /** What `heardMs` said at the last tick. */
  lastHeardMs: number | undefined;
  readonly lease: Lease;
  readonly over: AbortController;
  stream: FrameStream | undefined;
  sending: boolean;
  sentMs: number;
  sent: bigint;
  roundTripMs: number | undefined;
};

const beatsPerSecond = 20;

/**
 * Our own check that peers live. A dead process closes its sockets, but a frozen one (SIGSTOP, a lost cable) stays silent, which TCP
 * does not notice for minutes.
 */
export const aliveGuard =
  ({ tickMs, ticksPerBeat, deadAfterMs, graceMs }: AliveOptions) =>
  ({ now, onDead }: AliveParts): AliveGuard => {
    const watched = new Map<string, Watched>();
    let ticks = 0;

    /** Reads beats until the stream ends, which it only does together with its connection. */
    const readBeats = async (
      stream: FrameStream,
      onBeat: (beat: Uint8Array) => void | Promise<void>,
    ): Promise<void> => {
      const rate = tokenBucket({ perSecond: beatsPerSecond, burst: 2 * beatsPerSecond }, now());
      for (let beat = await stream.receive(); beat !== undefined; beat = await stream.receive()) {
        if (beat.length !== beatBytes || !rate.take(now())) {
          throw new KarmeshError('PROTOCOL_VIOLATION', 'The peer sends wrong beats or too many.', {
            bytes: beat.length,
          });
        }
        await onBeat(beat);
      }
    };

    const beatOut = async (connection: GuardedConnection, state: Watched): Promise<void> => {
      const stream = await connection.openBeats(state.over.signal);
      state.stream = stream;
      sendBeat(state);
      await readBeats(stream, () => {
        state.lease.heard();
        state.roundTripMs = now() - state.sentMs;
      });
      throw new KarmeshError('PEER_UNREACHABLE', 'The peer ended the beats.');
    };

    const sendBeat = (state: Watched): void => {
      if (state.stream === undefined || state.sending) return;
      state.sending = true;
      state.sentMs = now();
      state.sent += 1n;
      const beat = new Uint8Array(beatBytes);
      new DataView(beat.buffer).setBigUint64(0, state.sent, true);
      state.stream.send(beat).then(
        () => {
          state.sending = false;
        },
        // The stream's reader fails with the same error and reports it.
        () => {},
      );
    };

    return {
      watch: (connection) => {
        const state: Watched = {
          outbound: connection.outbound,
          heardMs: () => connection.heardMs(),
          lastHeardMs: undefined,
          lease: lease({ tickMs, deadAfterMs, graceMs }, now()),
          over: new AbortController(),
          stream: undefined,
          sending: false,
          sentMs: 0,
          sent: 0n,
          roundTripMs: undefined,
        };
        watched.set(connection.id, state);
        if (!connection.outbound) return;
        beatOut(connection, state).catch((error: unknown) => {
          if (watched.get(connection.id) === state) {
            onDead(connection.id, error instanceof Error ? error : new Error(String(error)));
          }
        });
      },
      unwatch: (id) => {
        const state = watched.get(id);
        watched.delete(id);
        state?.over.abort();
        state?.stream?.abort(new KarmeshError('ABORTED', 'The connection is closed.'));
      },
      answer: async (id, stream) => {
        const state = watched.get(id);
        // A second stream would let a peer keep beating while the first one is held.
        if (state === undefined || state.stream !== undefined) {
          throw new KarmeshError('PROTOCOL_VIOLATION', 'The peer opened a second stream of beats.');
        }
        state.stream = stream;
        try {
          await readBeats(stream, async (beat) => {
            state.lease.heard();
            await stream.send(beat);
          });
        } catch (error) {
          if (watched.get(id) === state) onDead(id, error instanceof Error ? error : new Error(String(error)));
          throw error;
        }
      },
      tick: () => {
        ticks += 1;
        const at = now();
        for (const [id, state] of [...watched]) {
          const heard = state.heardMs();
          if (heard !== state.lastHeardMs) state.lease.sensed();
          state.lastHeardMs = heard;
          if (state.lease.tick(at)) {
            onDead(id, new KarmeshError('PEER_UNREACHABLE', 'The peer is silent.', { deadAfterMs }));
          } else if (state.outbound && ticks % ticksPerBeat === 0) sendBeat(state);
        }
      },
      roundTripMs: (id) => watched.get(id)?.roundTripMs,
    };
  };
