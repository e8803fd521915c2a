import { type Stream, type StreamCloseEvent, type StreamMessageEvent, setMaxListeners } from '@libp2p/interface';
import { KarmeshError } from '../errors.ts';
import type { Identity } from '../protocol/signature.ts';
import { frameReader } from './frameReader.ts';

export type FrameStreamOptions = {
  /** The largest frame in bytes, in both directions. */
  readonly maxFrameBytes: number;
  /** Milliseconds in which nothing moves in either direction after which a `send` or `receive` that waits gives the stream up. */
  readonly idleMs: number;
};

/** A two-way stream of frames with one peer. */
export type FrameStream = AsyncDisposable & {
  /** The peer's Ed25519 key, proven by the connection's handshake. */
  readonly remote: Identity;
  readonly protocol: string;
  /** Aborted once the stream was reset or its connection lost, so that work for a peer that is gone can stop. */
  readonly signal: AbortSignal;
  /**
   * Sends one frame; resolves once the peer's window took it, so a slow reader slows the sender. A signal that aborts in between
   * ends the stream, because half a frame cannot be taken back.
   *
   * @throws KarmeshError `MESSAGE_TOO_LARGE`, `ABORTED`, `PEER_UNREACHABLE`.
   */
  send(frame: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * The next frame, or undefined once the peer has closed its side. One call at a time.
   *
   * @throws KarmeshError `ABORTED`, `PEER_UNREACHABLE`, or `MESSAGE_TOO_LARGE` or `PROTOCOL_VIOLATION` by the peer's fault.
   */
  receive(options?: { readonly signal?: AbortSignal }): Promise<Uint8Array | undefined>;
  /** Ends our side after what was sent; the peer may go on. */
  close(): Promise<void>;
  /** Ends both sides at once, dropping what is under way. */
  abort(error: Error): void;
  /** Resolves once the peer has closed its side or the stream is gone. */
  readonly ended: Promise<void>;
};

const highWater = 65_536;
const lowWater = 32_768;
const headerBytes = 4;

/** Frames over a libp2p stream. Disposing closes a stream whose peer is done, and resets any other. */
export const frameStream = (
  { maxFrameBytes, idleMs }: FrameStreamOptions,
  { stream, remote }: { readonly stream: Stream; readonly remote: Identity },
): FrameStream => {
  const reader = frameReader({ maxFrameBytes });
  const gone = new AbortController();
  setMaxListeners(Number.POSITIVE_INFINITY, gone.signal);
  const ended = Promise.withResolvers<void>();
  let failure: KarmeshError | undefined;
  let finSeen = false;
  let remoteEnded = false;
  let closing = false;
  let paused = false;
  let receiving = false;
  let wakeReceiver: (() => void) | undefined;
  let sending: Promise<void> = Promise.resolve();
  let movedMs = performance.now();

  const fail = (error: KarmeshError): void => {
    if (failure !== undefined) return;
    failure = error;
    gone.abort(error);
    ended.resolve();
    wakeReceiver?.();
  };
  const abort = (error: Error): void => {
    fail(error instanceof KarmeshError ? error : new KarmeshError('ABORTED', 'The stream was aborted.', {}, error));
    stream.abort(error);
  };
  const setPaused = (wanted: boolean): void => {
    if (wanted === paused || stream.readStatus === 'closed' || stream.readStatus === 'closing') return;
    paused = wanted;
    if (wanted) stream.pause();
    else stream.resume();
  };

  const onMessage = (event: StreamMessageEvent): void => {
    if (failure !== undefined) return;
    movedMs = performance.now();
    try {
      const { data } = event;
      reader.push(data instanceof Uint8Array ? data : data.subarray());
      if (reader.buffered > highWater && reader.ready) setPaused(true);
    } catch (error) {
      abort(error instanceof Error ? error : new Error(String(error)));
    }
    wakeReceiver?.();
  };
  // A connection that is lost ends its streams as if the peer had closed them, so only a FIN that was seen is a clean end.
  const onFin = (): void => {
    finSeen = true;
  };
  const lost = (cause?: Error): void => {
    fail(
      new KarmeshError(
        'PEER_UNREACHABLE',
        'The connection to the peer was lost.',
        { protocol: stream.protocol },
        cause,
      ),
    );
  };
  const onEnd = (): void => {
    // Without a FIN, `close` follows and says why.
    if (!finSeen) return;
    remoteEnded = true;
    ended.resolve();
    wakeReceiver?.();
  };
  const onClose = (event: StreamCloseEvent): void => {
    if (event.error === undefined) {
      if (!finSeen || !closing) lost();
    } else if (event.local === true) lost(event.error);
    else
      fail(
        new KarmeshError('PEER_UNREACHABLE', 'The peer reset the stream.', { protocol: stream.protocol }, event.error),
      );
  };
  stream.addEventListener('remoteCloseWrite', onFin);
  stream.addEventListener('end', onEnd);
  stream.addEventListener('close', onClose);
  if (stream.remoteWriteStatus === 'closed' && stream.status === 'open') finSeen = true;
  stream.addEventListener('message', onMessage);
  if (stream.status === 'aborted' || stream.status === 'reset' || stream.status === 'closed') lost();
  else if (stream.readableEnded) onEnd();

  /** Resolves when `wake` is called, rejects on the signal, the stream's loss or the idle limit. */
  const waitFor = (
    arm: (wake: () => void) => () => void,
    doing: 'send' | 'receive',
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    if (signal?.aborted === true) return Promise.reject(aborted(signal));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(aborted(signal));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = (): void => {
      const leftMs = movedMs + idleMs - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(watch, Math.ceil(leftMs));
        return;
      }
      const facts = { protocol: stream.protocol, waitedMs: idleMs, doing };
      abort(new KarmeshError('PEER_UNREACHABLE', 'The peer was silent for too long.', facts));
      reject(failure);
    };
    movedMs = performance.now();
    watch();
    const disarm = arm(resolve);
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise.finally(() => {
      clearTimeout(timer);
      disarm();
      signal?.removeEventListener('abort', onAbort);
    });
  };

  const takeFrame = (): Uint8Array | undefined => {
    if (failure !== undefined && !keepsFrames(failure)) return undefined;
    try {
      const frame = reader.next();
      if (frame !== undefined && paused && (reader.buffered < lowWater || !reader.ready)) setPaused(false);
      return frame;
    } catch (error) {
      abort(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  };

  const receive: FrameStream['receive'] = async ({ signal } = {}) => {
    if (receiving) throw new KarmeshError('BAD_ARGUMENT', 'Another call is already receiving from this stream.');
    receiving = true;
    try {
      for (;;) {
        if (signal?.aborted === true) throw aborted(signal);
        const frame = takeFrame();
        if (frame !== undefined) return frame;
        if (failure !== undefined) throw failure;
        if (remoteEnded) {
          if (reader.buffered === 0) return undefined;
          const error = new KarmeshError('PROTOCOL_VIOLATION', 'The peer ended the stream inside a frame.', {
            protocol: stream.protocol,
            bytes: reader.buffered,
          });
          abort(error);
          throw error;
        }
        setPaused(false);
        await waitFor(
          (wake) => {
            wakeReceiver = wake;
            return () => {
              wakeReceiver = undefined;
            };
          },
          'receive',
          signal,
        );
      }
    } finally {
      receiving = false;
    }
  };

  const flush = async (signal: AbortSignal | undefined): Promise<void> => {
    // libp2p's own onDrain() keeps its first promise for ever, so every wait after the first would return at once.
    while (failure === undefined && (stream.writableNeedsDrain || stream.writeBufferLength > 0)) {
      await waitFor(
        (wake) => {
          for (const name of drainEvents) stream.addEventListener(name, wake);
          gone.signal.addEventListener('abort', wake);
          return () => {
            for (const name of drainEvents) stream.removeEventListener(name, wake);
            gone.signal.removeEventListener('abort', wake);
          };
        },
        'send',
        signal,
      );
    }
    if (failure !== undefined) throw failure;
  };

  const send: FrameStream['send'] = (frame, { signal } = {}) => {
    if (frame.length === 0 || frame.length > maxFrameBytes) {
      const facts = { bytes: frame.length, maxFrameBytes };
      return Promise.reject(new KarmeshError('MESSAGE_TOO_LARGE', 'The frame is empty or over the limit.', facts));
    }
    const bytes = new Uint8Array(headerBytes + frame.length);
    new DataView(bytes.buffer).setUint32(0, frame.length, true);
    bytes.set(frame, headerBytes);
    const sent = sending.then(async () => {
      if (failure !== undefined) throw failure;
      if (signal?.aborted === true) throw aborted(signal);
      try {
        stream.send(bytes);
        await flush(signal);
        movedMs = performance.now();
      } catch (cause) {
        if (failure !== undefined) throw failure;
        const error =
          cause instanceof KarmeshError
            ? cause
            : new KarmeshError(
                'PEER_UNREACHABLE',
                'The stream takes no more data.',
                { protocol: stream.protocol },
                cause,
              );
        abort(error);
        throw error;
      }
    });
    sending = sent.catch(() => {});
    return sent;
  };

  const close = async (): Promise<void> => {
    await sending;
    if (failure !== undefined) return;
    closing = true;
    try {
      await stream.close({ signal: AbortSignal.timeout(idleMs) });
    } catch (cause) {
      abort(
        new KarmeshError('PEER_UNREACHABLE', 'The stream could not be closed.', { protocol: stream.protocol }, cause),
      );
    }
  };

  return {
    remote,
    protocol: stream.protocol,
    signal: gone.signal,
    send,
    receive,
    close,
    abort,
    ended: ended.promise,
    [Symbol.asyncDispose]: async () => {
      if (remoteEnded) await close();
      else abort(new KarmeshError('ABORTED', 'The stream is no longer wanted.'));
    },
  };
};

const drainEvents = ['drain', 'idle', 'close'] as const;

/** Whether frames that arrived before this failure may still be read: a lost connection does not unsay them. */
function keepsFrames(failure: KarmeshError): boolean {
  return failure.code === 'PEER_UNREACHABLE';
}

function aborted(signal: AbortSignal | undefined): KarmeshError {
  const reason: unknown = signal?.reason;
  return reason instanceof KarmeshError ? reason : new KarmeshError('ABORTED', 'The caller gave up.', {}, reason);
}
