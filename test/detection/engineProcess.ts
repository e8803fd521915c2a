import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type {
  EngineDescription,
  GeneratedAnswer,
  GenerateOptions,
  LlamaEngineOptions,
  ReplayOptions,
  ReplayResult,
} from '@karmesh/node/engines';
import { type ErrorFacts, KarmeshError, type KarmeshErrorCode } from '@karmesh/sdk/errors';

type CallBody =
  | { readonly kind: 'open'; readonly options: LlamaEngineOptions }
  | { readonly kind: 'generate'; readonly options: GenerateOptions }
  | { readonly kind: 'replay'; readonly options: ReplayOptions };

/** What the parent sends to engineChild.ts, and what comes back. */
export type Call = { readonly id: number } & CallBody;
export type Reply = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly error: { readonly code: KarmeshErrorCode; readonly message: string } }
);

/** A llama engine in a process of its own. */
export interface EngineProcess extends AsyncDisposable {
  readonly description: EngineDescription;
  generate(options: GenerateOptions): Promise<GeneratedAnswer>;
  replay(options: ReplayOptions): Promise<ReplayResult>;
}

const CHILD = fileURLToPath(new URL('./engineChild.ts', import.meta.url));

/**
 * Starts an engine in a process of its own, so that `forceCpuLibrary` can make it another CPU class than this process's. Throws what
 * `llamaEngine` throws, and `ENGINE_FAILED` if the process ends; the signal ends it.
 */
export async function startEngineProcess(
  options: LlamaEngineOptions,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<EngineProcess> {
  const child = fork(CHILD, [], {
    serialization: 'advanced',
    execArgv: [],
    ...(signal === undefined ? {} : { signal }),
  });
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let calls = 0;

  const fail = (facts: ErrorFacts, cause?: unknown): void => {
    const error = new KarmeshError('ENGINE_FAILED', 'The process of the engine has ended.', facts, cause);
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  };
  child.on('error', (cause) => fail({}, cause));
  child.on('exit', (exitCode, exitSignal) =>
    fail({ exitCode: exitCode ?? undefined, exitSignal: exitSignal ?? undefined }),
  );
  child.on('message', (reply: Reply) => {
    const call = pending.get(reply.id);
    pending.delete(reply.id);
    if ('error' in reply) call?.reject(new KarmeshError(reply.error.code, reply.error.message));
    else call?.resolve(reply.result);
  });

  const ask = (call: CallBody): Promise<unknown> => {
    const id = calls++;
    const answer = Promise.withResolvers<unknown>();
    pending.set(id, answer);
    child.send({ id, ...call } satisfies Call, (error) => {
      if (error !== null) fail({}, error);
    });
    return answer.promise;
  };

  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    await exited;
  };

  try {
    const description = (await ask({ kind: 'open', options })) as EngineDescription;
    return {
      description,
      generate: async (generateOptions) =>
        (await ask({ kind: 'generate', options: generateOptions })) as GeneratedAnswer,
      replay: async (replayOptions) => (await ask({ kind: 'replay', options: replayOptions })) as ReplayResult,
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
