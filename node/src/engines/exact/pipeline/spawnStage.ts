import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { KarmeshError } from '@karmesh/sdk/errors';
import { errorFromParts } from '../thread/errorParts.ts';
import type { RemoteCall, RemoteStage } from './remoteStage.ts';
import type { FromStage, StageAnswer, StageSettings, ToStage } from './stageMessages.ts';

/** A stage in a process of its own. */
export interface SpawnedStage extends RemoteStage, AsyncDisposable {
  readonly pid: number;
}

type Asking = Extract<ToStage, { readonly id: number }>;
type WithoutId<T> = T extends Asking ? Omit<T, 'id'> : never;

const PROGRAM = fileURLToPath(new URL('./stageProcess.ts', import.meta.url));

/**
 * Starts a process that runs a part of a model and waits until it is loaded. Throws what loading throws, `ABORTED` by the signal, and from then on, for whatever is
 * asked of it, `ENGINE_FAILED` if the process has ended.
 */
export async function spawnStage(settings: StageSettings, { signal }: RemoteCall = {}): Promise<SpawnedStage> {
  const { from, to } = settings;
  const child = fork(PROGRAM, [], {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const exited = once(child, 'exit');
  const waiting = new Map<number, PromiseWithResolvers<StageAnswer>>();
  const ready = Promise.withResolvers<void>();
  let fault: KarmeshError | undefined;
  let lastId = 0;
  let lastRun = 0;

  const fail = (error: KarmeshError): void => {
    fault ??= error;
    ready.reject(fault);
    for (const { reject } of waiting.values()) reject(fault);
    waiting.clear();
  };
  child.once('error', (cause) =>
    fail(
      new KarmeshError(
        'ENGINE_FAILED',
        'The process of a part of the model could not be reached.',
        { from, to },
        cause,
      ),
    ),
  );
  child.once('exit', (code, signalName) =>
    fail(
      new KarmeshError('ENGINE_FAILED', 'The process that runs a part of the model has ended.', {
        from,
        to,
        code: code ?? undefined,
        signal: signalName ?? undefined,
      }),
    ),
  );
  child.on('message', (message: FromStage) => {
    if (message.kind === 'ready') return ready.resolve();
    if (message.kind === 'failed') return ready.reject(errorFromParts(message.error));
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === 'answer') asked?.resolve(message.answer);
    else asked?.reject(errorFromParts(message.error));
  });
  const send = (message: ToStage): void => {
    // A channel that broke is told by the process's end.
    if (fault === undefined) child.send(message, () => undefined);
  };
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };

  const ask = async <K extends StageAnswer['kind']>(
    kind: K,
    message: WithoutId<ToStage>,
    call: RemoteCall = {},
  ): Promise<Extract<StageAnswer, { readonly kind: K }>> => {
    if (fault !== undefined) throw fault;
    const id = ++lastId;
    const asked = Promise.withResolvers<StageAnswer>();
    waiting.set(id, asked);
    send({ ...message, id });
    try {
      const answer = await untilAborted(asked, call.signal);
      if (answer.kind !== kind) throw new RangeError(`A stage answered with ${answer.kind} for ${kind}.`);
      return answer as Extract<StageAnswer, { readonly kind: K }>;
    } finally {
      waiting.delete(id);
    }
  };

  send({ kind: 'load', settings });
  try {
    await untilAborted(ready, signal);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    from,
    to,
    pid: child.pid ?? 0,
    async open(request, call) {
      const run = ++lastRun;
      const close = (): void => send({ kind: 'close', run });
      try {
        await ask('opened', { kind: 'open', run, request }, call);
      } catch (error) {
        // It may have been opened behind an abort.
        close();
        throw error;
      }
      return {
        step: (input, control) => ask('step', { kind: 'step', run, input }, control),
        leaves: async (positions, control) => (await ask('leaves', { kind: 'leaves', run, positions }, control)).leaves,
        close,
      };
    },
    [Symbol.asyncDispose]: end,
  };
}

async function untilAborted<T>(result: PromiseWithResolvers<T>, signal: AbortSignal | undefined): Promise<T> {
  const abort = (): void =>
    result.reject(new KarmeshError('ABORTED', 'A part of the model was not waited for.', {}, signal?.reason));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await result.promise;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
