import type { Clock } from '@karmesh/sdk/clock';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { FrameStream } from '@karmesh/sdk/network';
import {
  type ArrivedSeal,
  type Candidate,
  decodeInferFrame,
  encodeInferFrame,
  INFER_PROTOCOL,
  type InferFrame,
  MAX_INFER_FRAME_BYTES,
  type Refusal,
  type RevealedReceipt,
  type Seal,
  type Signed,
  type TimeoutCause,
  type Usage,
} from '@karmesh/sdk/protocol';
import { abortError } from './abortError.ts';
import {
  checkChunk,
  checkRefusal,
  checkReveal,
  checkSeal,
  type StreamPosition,
  streamStart,
} from './checkWorkerFrames.ts';
import type { DispatchContext } from './dispatchContext.ts';
import { fairAlarm } from './fairAlarm.ts';
import type { MarketNetwork } from './marketNetwork.ts';

/** How long a worker may take for each step, in milliseconds. */
export type SessionLimits = {
  readonly openMs: number;
  readonly acceptMs: number;
  /** From acceptance to the seal. */
  readonly sealMs: number;
  readonly revealMs: number;
};

/** What a session tells. `fallen` and `refused` and `revealed` are each the last that it says. */
export type SessionEvent =
  | { readonly kind: 'refused'; readonly refusal: Signed<Refusal>; readonly retryAfterMs: number }
  | { readonly kind: 'accepted' }
  /** `tokens` are all that the worker has signed so far. */
  | { readonly kind: 'chunk'; readonly text: string; readonly tokens: readonly number[]; readonly usage: Signed<Usage> }
  | { readonly kind: 'sealed'; readonly seal: ArrivedSeal }
  /** W-22: the seal of what the worker has where it was told to halt; a plain one that came before counts no more. */
  | { readonly kind: 'halted'; readonly seal: ArrivedSeal }
  | {
      readonly kind: 'revealed';
      readonly revealed: RevealedReceipt;
      readonly tokens: readonly number[];
      readonly text: string;
    }
  | { readonly kind: 'fallen'; readonly cause: TimeoutCause };

export type WorkerSession = {
  /** W-22: tells the worker to end its answer at so many tokens, as soon as it has accepted. Counts once, before the exchange. */
  halt(outputTokens: number): void;
  /** Hands the worker everybody's seals, which lets it reveal. Counts once, after its own seal arrived. */
  exchange(seals: readonly Signed<Seal>[]): void;
  /** Ends the session; it says nothing more. An asked worker is told by a `cancel` frame. */
  cancel(): void;
  /** Resolves when the session has let go of its stream. */
  readonly ended: Promise<void>;
};

export type SessionParts = {
  readonly network: MarketNetwork;
  readonly clock: Clock;
  readonly emit: (event: SessionEvent) => void;
};

/**
 * Speaks `/karmesh/infer/3` with one drawn worker (W-01 to W-04, W-22): dispatch, acceptance, chunks, seal, exchange, reveal. Whatever goes
 * wrong on the way is a `fallen` event with its cause, never an exception: it is the worker's failure or the network's.
 */
export const workerSession =
  (options: { readonly context: DispatchContext; readonly worker: Candidate; readonly limits: SessionLimits }) =>
  (parts: SessionParts): WorkerSession => {
    const { context, worker, limits } = options;
    const { clock } = parts;
    const cancelled = new AbortController();
    const exchanged = Promise.withResolvers<readonly Signed<Seal>[]>();
    // Nobody may be waiting when the session ends before the exchange.
    exchanged.promise.catch(() => {});
    const halting = Promise.withResolvers<undefined>();
    let haltedAt: number | undefined;

    const emit = (event: SessionEvent): void => {
      if (!cancelled.signal.aborted) parts.emit(event);
    };

    const step = <T>(ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> =>
      withLimit({ ms, clock, ended: cancelled.signal }, run);

    const receive = async (stream: FrameStream, signal: AbortSignal): Promise<InferFrame> => {
      const frame = await stream.receive({ signal });
      if (frame === undefined) throw new KarmeshError('WORKER_FAILED', 'The worker closed its stream early.');
      return decodeInferFrame(frame);
    };

    const unexpected = (frame: InferFrame): KarmeshError =>
      new KarmeshError('PROTOCOL_VIOLATION', 'The worker sent a frame that does not belong here, or a false one.', {
        type: frame.type,
      });

    /** Reads chunks until a seal: that of the whole answer, or, once the worker was told to halt, that of what it has by then. */
    const readUntilSeal = async (
      stream: FrameStream,
      options: { readonly position: StreamPosition; readonly signal: AbortSignal },
    ) => {
      const { signal } = options;
      let { position } = options;
      for (;;) {
        const frame = await receive(stream, signal);
        if (frame.type === 'chunk' && context.request.assurance === 'stream') {
          const next = checkChunk(context, { frame, worker, position });
          if (next === undefined) throw unexpected(frame);
          position = next;
          emit({ kind: 'chunk', text: frame.text, tokens: next.tokens, usage: frame.usage });
        } else if (
          (frame.type === 'sealed' || (frame.type === 'halted' && haltedAt !== undefined)) &&
          checkSeal(context, { signed: frame.seal, worker })
        ) {
          return { kind: frame.type, seal: { seal: frame.seal, arrivedAtMs: BigInt(clock.nowMs()) }, position };
        } else {
          throw unexpected(frame);
        }
      }
    };

    const converse = async (stream: FrameStream, setCause: (cause: TimeoutCause) => void): Promise<void> => {
      const { ticket, dispatch, request } = context;
      setCause('no-acceptance');
      const accepted = await step(limits.acceptMs, async (signal) => {
        await stream.send(encodeInferFrame({ type: 'dispatch', ticket, dispatch, request }), { signal });
        const frame = await receive(stream, signal);
        if (frame.type === 'accepted') return true;
        if (frame.type !== 'refused' || !checkRefusal(context, { signed: frame.refusal, worker }))
          throw unexpected(frame);
        emit({ kind: 'refused', refusal: frame.refusal, retryAfterMs: frame.retryAfterMs });
        return false;
      });
      if (!accepted) return;
      setCause('no-seal');
      emit({ kind: 'accepted' });
      // A stream that takes no halt gives no seal either, and there it fails.
      void halting.promise.then(() => sendHalt(stream)).catch(() => {});
      const start = streamStart(context);
      let read = await step(limits.sealMs, (signal) => readUntilSeal(stream, { position: start, signal }));
      emit({ kind: read.kind, seal: read.seal });
      if (read.kind === 'sealed') {
        await untilAborted(Promise.race([exchanged.promise, halting.promise]), cancelled.signal);
        if (haltedAt !== undefined) {
          const { position: reached } = read;
          read = await step(limits.sealMs, (signal) => readUntilSeal(stream, { position: reached, signal }));
          if (read.kind === 'sealed') throw unexpected({ type: 'sealed', seal: read.seal.seal });
          emit({ kind: 'halted', seal: read.seal });
        }
      }
      const { seal, position } = read;
      const seals = await untilAborted(exchanged.promise, cancelled.signal);
      setCause('no-reveal');
      const frame = await step(limits.revealMs, async (signal) => {
        await stream.send(encodeInferFrame({ type: 'seals', seals }), { signal });
        return receive(stream, signal);
      });
      setCause('bad-reveal');
      const holds =
        frame.type === 'reveal' &&
        checkReveal(context, {
          frame,
          worker,
          seal: seal.seal.value,
          arrivedAtMs: seal.arrivedAtMs,
          exchanged: seals.map(({ value }) => value),
          streamed: position,
          haltedAt,
        });
      if (!holds) throw unexpected(frame);
      emit({ kind: 'revealed', revealed: frame.revealed, tokens: frame.tokens, text: frame.text });
    };

    const sendHalt = async (stream: FrameStream): Promise<void> => {
      if (haltedAt === undefined) return;
      await stream.send(encodeInferFrame({ type: 'halt', outputTokens: haltedAt }), { signal: cancelled.signal });
    };

    const run = async (): Promise<void> => {
      let cause: TimeoutCause = 'unreachable';
      try {
        await using stream = await step(limits.openMs, (signal) =>
          parts.network.openStream(
            {
              peer: worker.identity,
              protocol: INFER_PROTOCOL,
              maxFrameBytes: MAX_INFER_FRAME_BYTES,
              // The steps' own limits come first; this one ends a stream whose step was forgotten.
              idleMs: limits.sealMs + limits.revealMs,
            },
            { signal },
          ),
        );
        try {
          await converse(stream, (next) => {
            cause = next;
          });
        } catch (failure) {
          if (cancelled.signal.aborted) await sayCancel(stream);
          throw failure;
        }
        await finish(stream);
      } catch {
        // The cause says which step failed, which is all that a time-out record holds.
        emit({ kind: 'fallen', cause });
      }
    };

    /** Both sides close, so that nothing that was said is lost to a reset. What was said stands even if the worker lingers. */
    const finish = async (stream: FrameStream): Promise<void> => {
      try {
        await stream.close();
        await step(limits.openMs, (signal) => untilAborted(stream.ended, signal));
      } catch {
        // Disposing resets what did not close in time.
      }
    };

    const sayCancel = async (stream: FrameStream): Promise<void> => {
      try {
        await withLimit({ ms: limits.openMs, clock }, (signal) =>
          stream.send(encodeInferFrame({ type: 'cancel' }), { signal }),
        );
        await stream.close();
      } catch {
        // The stream is already gone, and with it the worker's reason to go on.
      }
    };

    const ended = run();
    return {
      halt(outputTokens) {
        haltedAt = outputTokens;
        halting.resolve(undefined);
      },
      exchange: (seals) => exchanged.resolve(seals),
      cancel: () => cancelled.abort(new KarmeshError('ABORTED', 'The session is no longer wanted.')),
      ended,
    };
  };

/** Runs one step under its time limit and, where there is one, the end of what it belongs to. */
async function withLimit<T>(
  limit: { readonly ms: number; readonly clock: Clock; readonly ended?: AbortSignal },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const silence = fairAlarm(limit.clock, limit.ms, () => {
    late.abort(new KarmeshError('WORKER_TIMEOUT', 'The worker did not answer in time.', { waitedMs: limit.ms }));
  });
  try {
    return await run(limit.ended === undefined ? late.signal : AbortSignal.any([limit.ended, late.signal]));
  } finally {
    silence();
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(abortError(signal));
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
