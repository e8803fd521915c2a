import { Worker } from 'node:worker_threads';
import { KarmeshError } from '@karmesh/sdk/errors';
import type { PositionMeasurement } from '../engine.ts';
import { errorFromParts } from './errorParts.ts';
import type { RunRequest } from './runner.ts';
import type { FromThread, ThreadResult, ThreadSettings, ToThread } from './threadMessages.ts';
import type { TraceModel } from './traceShape.ts';

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
export interface ModelThread extends AsyncDisposable {
  readonly memoryBytes: number;
  readonly traceModel: TraceModel;
  start(request: RunRequest, events: ThreadRunEvents): ThreadRun;
}

interface Open {
  readonly events: ThreadRunEvents;
  readonly ended: PromiseWithResolvers<void>;
  readonly finished: PromiseWithResolvers<ThreadResult>;
}

/** Starts the thread and waits until the model is loaded. Throws what loading throws, `ABORTED` by the signal. */
export async function modelThread(
  settings: ThreadSettings,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ModelThread> {
  const thread = new Worker(new URL('./exactThread.ts', import.meta.url), { workerData: settings });
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  const runs = new Map<number, Open>();
  const ready = Promise.withResolvers<Extract<FromThread, { readonly kind: 'ready' }>>();
  let last = 0;
  let fault: KarmeshError | undefined;

  const fail = (error: KarmeshError): void => {
    fault = error;
    ready.reject(error);
    for (const { ended, finished } of runs.values()) {
      ended.reject(error);
      finished.reject(error);
    }
    runs.clear();
  };
  thread.on('error', (cause) => fail(new KarmeshError('ENGINE_FAILED', 'The exact engine’s thread broke.', {}, cause)));
  thread.on('exit', () => fail(new KarmeshError('ENGINE_FAILED', 'The exact engine has been closed.')));
  thread.on('message', (message: FromThread) => {
    if (message.kind === 'ready') return ready.resolve(message);
    if (message.kind === 'failed') return ready.reject(errorFromParts(message.error));
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
  });
  const send = (message: ToThread): void => thread.postMessage(message);
  const abort = (): void => ready.reject(new KarmeshError('ABORTED', 'Loading the model was stopped.'));
  signal?.addEventListener('abort', abort, { once: true });
  let loaded: Awaited<typeof ready.promise>;
  try {
    loaded = await ready.promise;
  } catch (error) {
    await thread.terminate();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }

  return {
    memoryBytes: loaded.memoryBytes,
    traceModel: loaded.traceModel,
    start(request, events) {
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
    },
    async [Symbol.asyncDispose]() {
      send({ kind: 'close' });
      await exited;
    },
  };
}
