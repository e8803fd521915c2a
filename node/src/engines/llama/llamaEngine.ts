import { KarmeshError } from '@karmesh/sdk/errors';
import { type EngineClass, engineClassIdOf, type FinishReason, type Hash } from '@karmesh/sdk/protocol';
import type {
  ControlledEvaluateInputItem,
  CustomBatchingPrioritizationStrategy,
  Llama,
  LlamaContextSequence,
  LlamaModel,
  Token,
} from 'node-llama-cpp';
import { getModuleVersion } from 'node-llama-cpp';
import { type ModelFile, readModel } from '../../models/readModel.ts';
import { answerStream } from '../conversation/answerStream.ts';
import { contextSizeFor, conversation, toToken } from '../conversation/conversation.ts';
import { type AnswerEnd, cutAnswer, isHalted } from '../conversation/cutAnswer.ts';
import type { Engine, EngineDescription, GenerateResult, ReplayResult } from '../engine.ts';
import { type Pool, pool } from '../sequencePool.ts';
import { sumMeasurements } from '../sumMeasurements.ts';
import { type CpuKernel, cpuKernelOf, loadedCpuLibrary } from './cpuKernel.ts';
import { useLlama } from './llamaProcess.ts';
import { measurePosition } from './measure.ts';
import { byLogit, SAMPLER_WINDOW, sampleToken, type TokenLogit } from './sampler.ts';
import { TRACE_TOP, traceLeaf, traceRootOf } from './trace.ts';

export interface LlamaEngineOptions {
  /** A GGUF file. */
  readonly modelPath: string;
  /** Threads of arithmetic; 1 unless told. They do not change results; more than the machine has free make it very slow. */
  readonly threads?: number;
  /** Requests that run at once in one context; 4 unless told. */
  readonly sequences?: number;
  /** Tokens of prompt and answer together; the model's own limit, at most 4096, unless told. Part of the engine class. */
  readonly contextSize?: number;
  /** Runs on a GPU whose node-llama-cpp package is installed; the CPU unless told. */
  readonly gpu?: 'cuda' | 'vulkan' | 'metal' | false;
  /** For tests: a CPU library of llama.cpp to run instead of the best one. See `forceCpuLibrary`. */
  readonly forceCpuLibrary?: string;
}

/** Tokens of one batch. Part of the engine class: how a long prompt is cut may decide its last bits. */
const BATCH = 512;
/** How many of the highest logits are read: more than the window of S-02, so that ties at its edge fall by id. */
const READ_TOP = 2 * SAMPLER_WINDOW;
/** At temperature 0 only the best and the trace's are needed. */
const READ_TOP_GREEDY = 2 * TRACE_TOP;
/** S-01 to S-08 as they are now; a change makes another engine class. */
const RULES_VERSION = 1;

/**
 * An engine over node-llama-cpp: prebuilt llama.cpp, flash attention off, own sampler. Throws `MODEL_INVALID`, `ENGINE_FAILED`,
 * `ABORTED`. The caller disposes it.
 */
export async function llamaEngine(
  options: LlamaEngineOptions,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Engine> {
  const file = await readModel(options.modelPath, signal === undefined ? {} : { signal });
  const contextSize = contextSizeFor(file, options.contextSize);
  const sequences = options.sequences ?? 4;
  const gpu = options.gpu ?? false;
  await using stack = new AsyncDisposableStack();
  const { llama } = stack.use(
    await useLlama({
      gpu,
      ...(options.forceCpuLibrary === undefined ? {} : { forceCpuLibrary: options.forceCpuLibrary }),
    }),
  );
  const kernel = gpu === false ? cpuKernelOf(loadedCpuLibrary(), file.weightTypes) : await gpuKernel(llama, gpu);
  const model = stack.use(await loadModel(llama, { file, gpu, signal }));
  const context = stack.use(
    await model
      .createContext({
        contextSize,
        sequences,
        threads: options.threads ?? 1,
        batchSize: Math.min(BATCH, contextSize),
        flashAttention: false,
        ...(kernel.batchNeutral ? {} : { batching: { itemPrioritizationStrategy: oneAtATime } }),
      })
      .catch((cause: unknown) => {
        throw new KarmeshError(
          'ENGINE_FAILED',
          'The model does not fit into memory with this context.',
          { contextSize, sequences },
          cause,
        );
      }),
  );
  const engineClass: EngineClass = {
    engine: 'llama.cpp',
    build: `node-llama-cpp ${await getModuleVersion()}, llama.cpp ${llama.llamaCppRelease.release}, ${llama.buildType}`,
    cpuKernel: kernel.name,
    settings: `rules=${RULES_VERSION} flash-attention=off kv=f16 batch=${Math.min(BATCH, contextSize)} context=${contextSize}`,
  };
  const description: EngineDescription = {
    engineClass,
    engineClassId: engineClassIdOf(engineClass),
    manifest: file.manifest,
    modelId: file.modelId,
    contextSize,
    sequences,
  };
  const lanes = pool(Array.from({ length: sequences }, () => context.getSequence()));
  return engineOver({ description, model, file, lanes, parts: stack.move() });
}

async function gpuKernel(llama: Llama, gpu: string): Promise<CpuKernel> {
  const devices = (await llama.getGpuDeviceNames()).join(', ').slice(0, 32);
  return { library: undefined, name: `${process.platform}/${gpu} ${devices}`, batchNeutral: false };
}

/** Puts one request into a batch at a time, for kernels whose bits depend on a batch's other rows. */
const oneAtATime: CustomBatchingPrioritizationStrategy = ({ items, size }) =>
  items.slice(0, 1).map((item) => ({ item, processAmount: Math.min(size, item.tokens.length) }));

async function loadModel(
  llama: Llama,
  options: { readonly file: ModelFile; readonly gpu: string | false; readonly signal: AbortSignal | undefined },
): Promise<LlamaModel> {
  const { file, gpu, signal } = options;
  try {
    return await llama.loadModel({
      modelPath: file.path,
      defaultContextFlashAttention: false,
      ...(gpu === false ? { gpuLayers: 0 } : {}),
      ...(signal === undefined ? {} : { loadSignal: signal }),
    });
  } catch (cause) {
    if (signal?.aborted) throw new KarmeshError('ABORTED', 'Loading the model was stopped.', {}, cause);
    throw new KarmeshError(
      'MODEL_INVALID',
      'llama.cpp cannot load the model file.',
      { architecture: file.manifest.architecture },
      cause,
    );
  }
}

interface EngineParts {
  readonly description: EngineDescription;
  readonly model: LlamaModel;
  readonly file: ModelFile;
  readonly lanes: Pool<LlamaContextSequence>;
  readonly parts: AsyncDisposableStack;
}

function engineOver({ description, model, file, lanes, parts }: EngineParts): Engine {
  const { text, applyTemplate, prepare, endsRight } = conversation({
    model,
    file,
    contextSize: description.contextSize,
  });

  const generate: Engine['generate'] = async (options, { signal, onTokens, halt } = {}): Promise<GenerateResult> => {
    const startedAt = performance.now();
    const { prompt, limit } = prepare(options);
    using lane = await lanes.take(signal);
    const sequence = lane.item;
    const answer = answerStream({ stops: options.stops, limit })(text);
    const top = options.temperatureMicro === 0 ? READ_TOP_GREEDY : READ_TOP;
    const outputTokens: number[] = [];
    const leaves: Hash[] = [];
    let whole = '';
    let firstTokenMs = 0;
    let finishReason: FinishReason | undefined;
    let sorted = await readPrompt(sequence, { prompt, top, signal });
    while (finishReason === undefined) {
      const position = outputTokens.length;
      const token = sampleToken({ ...options, position }, sorted);
      if (position === 0) firstTokenMs = performance.now() - startedAt;
      outputTokens.push(token);
      leaves.push(traceLeaf(position, { token, top: sorted }));
      const step = answer.push(token);
      whole += step.text;
      onTokens?.({ tokens: [token], text: step.text });
      finishReason = step.finishReason ?? (isHalted(halt, outputTokens) ? 'halted' : undefined);
      if (finishReason === undefined) sorted = await readNext(sequence, { token, top, signal });
    }
    const timings = { firstTokenMs, totalMs: performance.now() - startedAt };
    const ended: AnswerEnd = { outputTokens, text: whole, finishReason };
    const resultOf = (at: number | undefined): GenerateResult => {
      const end = cutAnswer(ended, { at, stops: options.stops }, text);
      return {
        promptTokens: prompt.length,
        ...end,
        traceRoot: traceRootOf(leaves.slice(0, end.outputTokens.length)),
        timings,
        cutTo: async (count) => resultOf(count),
      };
    };
    return resultOf(halt?.at);
  };

  const replay: Engine['replay'] = async (options, { signal } = {}): Promise<ReplayResult> => {
    const { prompt, limit } = prepare(options);
    const { outputTokens } = options;
    const promptCount = prompt.length;
    // More tokens than the limit cannot be run in this context; the wrong end says so already.
    const claimed = outputTokens.slice(0, limit);
    // llama.cpp ends the whole process on a token outside of its vocabulary, so none may reach it.
    if (claimed.length === 0 || outputTokens.some((token) => token >= description.manifest.vocabulary))
      return { promptTokens: promptCount, positions: [], measurements: sumMeasurements([]), end: 'wrong' };
    const right = endsRight(options, limit);
    using lane = await lanes.take(signal);
    const read = await readClaimed(lane.item, { prompt, claimed, signal });
    const positions = read.map(({ sorted, claimedLogit }, position) =>
      measurePosition({ place: { ...options, position }, claimed: claimedLogit, sorted }),
    );
    return {
      promptTokens: promptCount,
      positions,
      measurements: sumMeasurements(positions),
      end: right ? 'right' : 'wrong',
    };
  };

  return {
    describe: () => description,
    applyTemplate,
    generate,
    replay,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

type ReadOptions = Exclude<ControlledEvaluateInputItem, Token>[1];

/** The chain of llama.cpp's own samplers that leaves the highest `top` logits and changes none: one pass over the vocabulary. */
const readTop = (top: number): ReadOptions => ({
  generateNext: {
    logits: { filter: { tokens: [], includeTop: top } },
    options: { temperature: 1, topK: top, topP: 1, minP: 0 },
  },
});

/**
 * The highest logits and one other token's. Temperature 0 keeps llama.cpp's own sampler from dropping or changing any; it sorts the whole
 * vocabulary, which `readTop` spares. `includeMax` misses the maximum in this version.
 */
const readTopAnd = (top: number, also: number): ReadOptions => ({
  generateNext: { logits: { filter: { tokens: [toToken(also)], includeTop: top } }, options: { temperature: 0 } },
});

function sortedLogits(logits: ReadonlyMap<Token, number> | undefined): TokenLogit[] {
  const sorted = Array.from(logits ?? [], ([token, logit]): TokenLogit => ({ token, logit }));
  if (sorted.length === 0 || sorted.some(({ logit }) => Number.isNaN(logit)))
    throw new KarmeshError('ENGINE_FAILED', 'llama.cpp returned no usable logits.', { logits: sorted.length });
  return sorted.sort(byLogit);
}

/** Runs tokens through the model and returns what was read at each, undefined where nothing was asked. */
async function evaluate(
  sequence: LlamaContextSequence,
  input: readonly ControlledEvaluateInputItem[],
  signal: AbortSignal | undefined,
): Promise<readonly (ReadonlyMap<Token, number> | undefined)[]> {
  if (signal?.aborted) throw new KarmeshError('ABORTED', 'The run was stopped.', {}, signal.reason);
  try {
    const output = await sequence.controlledEvaluate([...input]);
    return input.map((_, i) => output[i]?.next.logits);
  } catch (cause) {
    throw new KarmeshError(
      'ENGINE_FAILED',
      'llama.cpp failed while it ran the model.',
      { tokens: input.length },
      cause,
    );
  }
}

/** Runs the prompt in batches that start at fixed places, so that a stop is heeded between them, and reads the logits after its end. */
async function readPrompt(
  sequence: LlamaContextSequence,
  options: { readonly prompt: readonly number[]; readonly top: number; readonly signal: AbortSignal | undefined },
): Promise<readonly TokenLogit[]> {
  const { prompt, top, signal } = options;
  await sequence.clearHistory();
  const last = prompt.length - 1;
  let read: ReadonlyMap<Token, number> | undefined;
  for (let start = 0; start <= last; start += BATCH) {
    const piece = prompt.slice(start, start + BATCH);
    const input = piece.map(
      (token, i): ControlledEvaluateInputItem => (start + i === last ? [toToken(token), readTop(top)] : toToken(token)),
    );
    read = (await evaluate(sequence, input, signal)).at(-1);
  }
  return sortedLogits(read);
}

async function readNext(
  sequence: LlamaContextSequence,
  options: { readonly token: number; readonly top: number; readonly signal: AbortSignal | undefined },
): Promise<readonly TokenLogit[]> {
  const [read] = await evaluate(sequence, [[toToken(options.token), readTop(options.top)]], options.signal);
  return sortedLogits(read);
}

/** One batched pass over prompt and answer: the highest logits before each claimed token, and the claimed token's own. */
async function readClaimed(
  sequence: LlamaContextSequence,
  options: {
    readonly prompt: readonly number[];
    readonly claimed: readonly number[];
    readonly signal: AbortSignal | undefined;
  },
): Promise<readonly { readonly sorted: readonly TokenLogit[]; readonly claimedLogit: TokenLogit }[]> {
  const { prompt, claimed, signal } = options;
  await sequence.clearHistory();
  const tokens = [...prompt, ...claimed.slice(0, -1)];
  const read: { readonly sorted: readonly TokenLogit[]; readonly claimedLogit: TokenLogit }[] = [];
  for (let start = 0; start < tokens.length; start += BATCH) {
    const piece = tokens.slice(start, start + BATCH);
    const next = (i: number): number | undefined => claimed[start + i - (prompt.length - 1)];
    const input = piece.map((token, i): ControlledEvaluateInputItem => {
      const also = next(i);
      return also === undefined ? toToken(token) : [toToken(token), readTopAnd(READ_TOP, also)];
    });
    const outputs = await evaluate(sequence, input, signal);
    for (const [i, logits] of outputs.entries()) {
      const token = next(i);
      if (token === undefined) continue;
      const sorted = sortedLogits(logits);
      const claimedLogit = sorted.find((candidate) => candidate.token === token);
      if (claimedLogit === undefined)
        throw new KarmeshError('ENGINE_FAILED', 'llama.cpp did not return the logit that was asked for.', {
          position: start + i,
        });
      read.push({ sorted, claimedLogit });
    }
  }
  return read;
}
