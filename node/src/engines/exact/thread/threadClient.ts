import { KarmeshError } from '@karmesh/sdk/errors';
import type { PositionMeasurement } from '../../engine.ts';
import type { RunRequest } from '../run/runner.ts';
import { errorFromParts } from './errorParts.ts';
import type { FromThread, ThreadReady, ThreadResult, ToThread } from './threadMessages.ts';

export interface ThreadRunEvents {
  readonly onToken?: (token: number) => void;
  readonly onPosition?: (position: PositionMeasurement) => void;
}

/** A run in the model's thread. */
export interface ThreadRun {
  /** Resolves when the run computes no more, rejects if it failed. */
  readonly ended: Promise<void>;
  acknowledge(tokens: number): void;
  /** The trace over the prompt and so many output tokens but the last; ends the run. */
  finish(options: { readonly outputTokens: number; readonly wantsLeaves?: boolean }): Promise<ThreadResult>;
  cancel(): void;
}

/** The thread that holds a model. */
export interface ModelThread extends AsyncDisposable, ThreadReady {
  start(request: RunRequest, events: ThreadRunEvents): ThreadRun;
}

/** The asking end of the messages between a model's thread and who asks of it. */
export interface ThreadClient {
  /** Resolves when the model is loaded, rejects with what loading threw or with what `fail` was told. */
  readonly ready: Promise<ThreadReady>;
  /** Takes a message of the thread. */
  take(message: FromThread): void;
  /** Ends everything that is waited for, and whatever is asked later. */
  fail(error: KarmeshError): void;
  start: ModelThread['start'];
}

/** Waits until the model is loaded. If it is not, or the signal says so, `end` ends the thread. Throws what loading throws, `ABORTED`. */
export async function whenLoaded(
  client: ThreadClient,
  { signal, end }: { readonly signal: AbortSignal | undefined; readonly end: () => unknown },
): Promise<ThreadReady> {
  const abort = (): void =>
    client.fail(new KarmeshError('ABORTED', 'Loading the model was stopped.', {}, signal?.reason));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const { memoryBytes, traceModel, kernels } = await client.ready;
    return { memoryBytes, traceModel, kernels };
  } catch (error) {
    await end();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

interface Open {
  readonly events: ThreadRunEvents;
  readonly ended: PromiseWithResolvers<void>;
  readonly finished: PromiseWithResolvers<ThreadResult>;
}

export function threadClient({ send }: { readonly send: (message: ToThread) => void }): ThreadClient {
  const runs = new Map<number, Open>();
  const ready = Promise.withResolvers<ThreadReady>();
  let last = 0;
  let fault: KarmeshError | undefined;

  const fail: ThreadClient['fail'] = (error) => {
    fault ??= error;
    ready.reject(error);
    for (const { ended, finished } of runs.values()) {
      ended.reject(error);
      finished.reject(error);
    }
    runs.clear();
  };

  const take: ThreadClient['take'] = (message) => {
    if (message.kind === 'ready') return ready.resolve(message);
    if (message.kind === 'failed') return ready.reject(errorFromParts(message.error));
    if (message.kind === 'closed') return fail(new KarmeshError('ENGINE_FAILED', 'The exact engine has been closed.'));
    const open = runs.get(message.run);
    if (open === undefined) return;
    switch (message.kind) {
      case 'token':
        return open.events.onToken?.(message.token);
      case 'position':
        return open.events.onPosition?.(message.position);
      case 'end':
        return open.ended.resolve();
      case 'fault':
        runs.delete(message.run);
        open.ended.reject(errorFromParts(message.error));
        return open.finished.reject(errorFromParts(message.error));
      case 'finished':
        runs.delete(message.run);
        return open.finished.resolve(message);
    }
  };

  const start: ThreadClient['start'] = (request, events) => {
    if (fault !== undefined) throw fault;
    const run = ++last;
    const open: Open = { events, ended: Promise.withResolvers(), finished: Promise.withResolvers() };
    // Whoever waits for the one need not wait for the other.
    open.ended.promise.catch(() => undefined);
    open.finished.promise.catch(() => undefined);
    runs.set(run, open);
    send({ kind: 'start', run, request });
    return {
      ended: open.ended.promise,
      acknowledge: (tokens) => send({ kind: 'acknowledge', run, tokens }),
      finish({ outputTokens, wantsLeaves = false }) {
        send({ kind: 'finish', run, outputTokens, wantsLeaves });
        return open.finished.promise;
      },
      cancel() {
        runs.delete(run);
        send({ kind: 'cancel', run });
      },
    };
  };

  return { ready: ready.promise, take, fail, start };
}
