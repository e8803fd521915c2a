import { KarmeshError } from '@karmesh/sdk/errors';
import {
  type EngineClass,
  engineClassIdOf,
  type FinishReason,
  type Hash,
  type TraceLevel,
  type TraceModel,
  ZERO_HASH,
} from '@karmesh/sdk/protocol';
import { readModel } from '../../models/readModel.ts';
import { answerStream } from '../conversation/answerStream.ts';
import { type Conversation, contextSizeFor, conversation } from '../conversation/conversation.ts';
import { type AnswerEnd, cutAnswer, isHalted } from '../conversation/cutAnswer.ts';
import type {
  Engine,
  EngineDescription,
  GenerateOptions,
  GenerateResult,
  PositionMeasurement,
  ReplayOptions,
  ReplayResult,
} from '../engine.ts';
import { openVocabulary } from '../llama/openVocabulary.ts';
import { sumMeasurements } from '../sumMeasurements.ts';
import type { ConversionCall } from './convert/modelBytes.ts';
import { exactModelFile } from './file/exactModelFile.ts';
import { modelThread } from './thread/modelThread.ts';
import type { ModelThread, ThreadRun } from './thread/threadClient.ts';
import type { ThreadResult } from './thread/threadMessages.ts';

export interface ExactEngineOptions {
  /** A GGUF file of the llama or qwen2 family. */
  readonly modelPath: string;
  /** Where converted models are kept. */
  readonly cacheFolder: string;
  /** `wide` where X-02 would allow `narrow`. */
  readonly variant?: 'wide';
  /** Threads of arithmetic; 1 unless told. They do not change results. */
  readonly threads?: number;
  /** Requests that run at once; 4 unless told. */
  readonly sequences?: number;
  /** Tokens of prompt and answer together; the model's own limit, at most 4096, unless told. Part of the engine class. */
  readonly contextSize?: number;
  /** For tests: kernels without vectors. */
  readonly kernels?: 'simd' | 'plain';
}

/** An engine whose runs are the same everywhere to the last bit, so that any part of one can be shown and computed again. */
export interface ExactEngine extends Engine {
  /** Runs prompt and answer again and gives their trace: the hashes of all leaves, and the values of those that are to be opened. */
  trace(
    options: ReplayOptions,
    control: { readonly level: TraceLevel; readonly open?: ReadonlySet<number>; readonly signal?: AbortSignal },
  ): Promise<ThreadResult>;
  readonly traceModel: TraceModel;
  /** The converted model that it runs. */
  readonly modelPath: string;
  /** Bytes of memory that hold weights, caches and scratch. */
  readonly memoryBytes: number;
}

/** Positions of one step: enough that weights are read once for many, and few enough that others' streams go on between. */
const BATCH = 32;
/** How often a reader of a stream says how far it is. */
const ACKNOWLEDGE_EVERY = 8;

/**
 * An engine in integers only (docs/exact-arithmetic.md): equal requests have equal answers and traces on all hardware. The first use of a model converts
 * it. Throws `MODEL_INVALID`, `ENGINE_FAILED`, `ABORTED`. The caller disposes it.
 */
export async function exactEngine(
  options: ExactEngineOptions,
  { signal, onProgress }: ConversionCall = {},
): Promise<ExactEngine> {
  const call = signal === undefined ? {} : { signal };
  const { variant, modelPath, cacheFolder } = options;
  const file = await readModel(modelPath, call);
  const contextSize = contextSizeFor(file, options.contextSize);
  const sequences = options.sequences ?? 4;
  const converted = await exactModelFile(modelPath, { cacheFolder, variant }, { ...call, onProgress });
  await using stack = new AsyncDisposableStack();
  const { model } = stack.use(await openVocabulary(modelPath));
  const spoken = conversation({ model, file, contextSize });
  const { vocabulary } = file.manifest;
  const endTokens = Array.from({ length: vocabulary }, (_, token) => token).filter((token) => spoken.text.isEnd(token));
  const thread = stack.use(
    await modelThread(
      {
        modelPath: converted.path,
        contextSize,
        sequences,
        batch: Math.max(BATCH, sequences),
        threads: options.threads ?? 1,
        kernels: options.kernels ?? 'simd',
        endTokens,
      },
      call,
    ),
  );
  const engineClass: EngineClass = {
    engine: 'karmesh-exact',
    build: 'exact-1',
    cpuKernel: 'any',
    settings: `trace=blocks context=${contextSize}`,
  };
  const description: EngineDescription = {
    engineClass,
    engineClassId: engineClassIdOf(engineClass),
    manifest: converted.manifest,
    modelId: converted.modelId,
    contextSize,
    sequences,
  };
  return engineOver({
    description,
    thread,
    spoken,
    traceModel: thread.traceModel,
    modelPath: converted.path,
    parts: stack.move(),
  });
}

interface EngineParts {
  readonly description: EngineDescription;
  readonly thread: ModelThread;
  readonly spoken: Conversation;
  readonly traceModel: TraceModel;
  readonly modelPath: string;
  readonly parts: AsyncDisposableStack;
}

function engineOver({ description, thread, spoken, traceModel, modelPath, parts }: EngineParts): ExactEngine {
  const { vocabulary } = description.manifest;

  /** The trace root of an answer whose tokens are known. */
  const traceRootOf = async (
    options: GenerateOptions,
    { outputTokens, signal }: { readonly outputTokens: readonly number[]; readonly signal: AbortSignal | undefined },
  ): Promise<Hash> => {
    const { prompt } = spoken.prepare(options);
    const { requestId, temperatureMicro } = options;
    const run = thread.start(
      { requestId, prompt, temperatureMicro, limit: outputTokens.length, claimed: outputTokens, ...hidden(options) },
      {},
    );
    await untilAborted(run, run.ended, signal);
    return (await run.finish({ outputTokens: outputTokens.length })).traceRoot;
  };

  const generate: ExactEngine['generate'] = async (
    options,
    { signal, onTokens, halt } = {},
  ): Promise<GenerateResult> => {
    const startedAt = performance.now();
    const { prompt, limit } = spoken.prepare(options);
    const { requestId, temperatureMicro } = options;
    const answer = answerStream({ stops: options.stops, limit })(spoken.text);
    const outputTokens: number[] = [];
    const finished = Promise.withResolvers<FinishReason>();
    let text = '';
    let firstTokenMs = 0;
    let isOver = false;
    const run = thread.start(
      { requestId, prompt, temperatureMicro, limit, ...hidden(options) },
      {
        onToken(token) {
          // The thread is ahead of us, by a few tokens that nobody asked for.
          if (isOver) return;
          if (outputTokens.length === 0) firstTokenMs = performance.now() - startedAt;
          outputTokens.push(token);
          try {
            const step = answer.push(token);
            text += step.text;
            onTokens?.({ tokens: [token], text: step.text });
            const finishReason = step.finishReason ?? (isHalted(halt, outputTokens) ? 'halted' : undefined);
            if (finishReason !== undefined) {
              isOver = true;
              finished.resolve(finishReason);
            } else if (outputTokens.length % ACKNOWLEDGE_EVERY === 0) run.acknowledge(outputTokens.length);
          } catch (error) {
            isOver = true;
            finished.reject(error);
          }
        },
      },
    );
    run.ended.catch((error: unknown) => finished.reject(error));
    const finishReason = await untilAborted(run, finished.promise, signal);
    const { stops } = options;
    const whole = cutAnswer({ outputTokens, text, finishReason }, { at: halt?.at, stops }, spoken.text);
    const { traceRoot: wholeRoot } = await run.finish({ outputTokens: whole.outputTokens.length });
    const timings = { firstTokenMs, totalMs: performance.now() - startedAt };
    const resultOf = (end: AnswerEnd, traceRoot: Hash): GenerateResult => ({
      promptTokens: prompt.length,
      ...end,
      traceRoot,
      timings,
      async cutTo(at, control) {
        const cut = cutAnswer(end, { at, stops }, spoken.text);
        if (cut.outputTokens.length === end.outputTokens.length) return resultOf(cut, traceRoot);
        const { outputTokens: kept } = cut;
        // The run is over, and its leaves are gone; a replay of what is kept gives the same ones.
        return resultOf(cut, await traceRootOf(options, { outputTokens: kept, signal: control?.signal }));
      },
    });
    return resultOf(whole, wholeRoot);
  };

  const replay: ExactEngine['replay'] = async (options, { signal } = {}): Promise<ReplayResult> => {
    const { prompt, limit } = spoken.prepare(options);
    const claimed = options.outputTokens.slice(0, limit);
    const promptTokens = prompt.length;
    if (claimed.length === 0 || claimed.some((token) => token >= vocabulary))
      return { promptTokens, positions: [], measurements: sumMeasurements([]), end: 'wrong', traceRoot: ZERO_HASH };
    const isRight = spoken.endsRight(options, limit);
    const positions: PositionMeasurement[] = [];
    const { requestId, temperatureMicro } = options;
    const run = thread.start(
      { requestId, prompt, temperatureMicro, limit: claimed.length, claimed, ...hidden(options) },
      { onPosition: (position) => positions.push(position) },
    );
    await untilAborted(run, run.ended, signal);
    const { traceRoot } = await run.finish({ outputTokens: claimed.length });
    return {
      promptTokens,
      positions,
      measurements: sumMeasurements(positions),
      end: isRight ? 'right' : 'wrong',
      traceRoot,
    };
  };

  const trace: ExactEngine['trace'] = async (options, { level, open, signal }) => {
    const { prompt, limit } = spoken.prepare(options);
    const claimed = options.outputTokens.slice(0, limit);
    if (claimed.length === 0 || claimed.some((token) => token >= vocabulary))
      throw new KarmeshError('BAD_ARGUMENT', 'An answer without tokens, or with unknown ones, has no trace.');
    const { requestId, temperatureMicro } = options;
    const commitments = level === 'committed' ? hidden(options) : {};
    const request = { requestId, prompt, temperatureMicro, limit: claimed.length, claimed, level, ...commitments };
    const run = thread.start(open === undefined ? request : { ...request, open }, {});
    await untilAborted(run, run.ended, signal);
    return run.finish({ outputTokens: claimed.length, wantsLeaves: true });
  };

  return {
    describe: () => description,
    applyTemplate: spoken.applyTemplate,
    generate,
    replay,
    trace,
    traceModel,
    modelPath,
    memoryBytes: thread.memoryBytes,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function hidden({ hiddenBy }: GenerateOptions): { readonly level?: 'committed'; readonly blinding?: Uint8Array } {
  return hiddenBy === undefined ? {} : { level: 'committed', blinding: hiddenBy };
}

/** Gives up a run when the signal says so or when what it is waited for fails. */
async function untilAborted<T>(run: ThreadRun, result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(new KarmeshError('ABORTED', 'The run was stopped.', {}, signal?.reason));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([result, aborted.promise]);
  } catch (error) {
    run.cancel();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
