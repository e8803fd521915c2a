import { KarmeshError } from '@karmesh/sdk/errors';
import { type EngineClass, engineClassIdOf, ZERO_HASH } from '@karmesh/sdk/protocol';
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
  ReplayResult,
} from '../engine.ts';
import { measurePosition } from '../llama/measure.ts';
import { openVocabulary } from '../llama/openVocabulary.ts';
import { SAMPLER_WINDOW, sampleToken, type TokenLogit } from '../llama/sampler.ts';
import { TRACE_TOP } from '../llama/trace.ts';
import { type Pool, pool } from '../sequencePool.ts';
import { sumMeasurements } from '../sumMeasurements.ts';
import { checkPrompt, type OpenedServer, openServer } from './openServer.ts';
import type { BodyLimits } from './readBytes.ts';
import { type ChatAnswer, readChat } from './readChat.ts';
import { type ReadPosition, readPositions } from './readPositions.ts';
import { type ServerClient, serverClient } from './serverClient.ts';

export interface OpenaiEngineOptions {
  /** The GGUF file of the model that the server runs: it gives model id, template and tokens. Its weights are hashed, not loaded. */
  readonly modelPath: string;
  /** The server's base URL, `/v1` included. */
  readonly url: string;
  /** The name by which the server serves the model; the only one that it lists unless told. */
  readonly model?: string;
  readonly key?: string;
  /** What the server computes on, in the operator's words. Part of the engine class: no server says it. */
  readonly hardware?: string;
  /** Requests that run at once; 4 unless told. */
  readonly sequences?: number;
  /** Tokens of prompt and answer together; the model's own limit, at most 4096, unless told. Part of the engine class. */
  readonly contextSize?: number;
  /** Of each answer of the server; 16 MiB and 10 minutes unless told. */
  readonly limits?: BodyLimits;
}

const LIMITS: BodyLimits = { bytes: 16 << 20, answerMs: 600_000 };
/** How many tokens to read at once where the server's choice is ours, which is so at temperature 0. */
const READ_AHEAD = 16;
/** Of what the rules below make of a server's answers; a change makes another engine class. */
const RULES_VERSION = 2;
/** Above every threshold of U-05: a token that the server does not list among its likeliest is never passed as a near-tie. */
const UNLISTED_GAP = 1;

/**
 * An engine over a server that speaks OpenAI's API. The server is asked for log-probabilities after token ids, and the tokens are chosen
 * here, by the same rules as in the llama engine (S-01 to S-06); a server that cannot do that is asked for text at temperature 0, whose
 * tokens are those that the model file's tokeniser gives (docs/decisions/0009-engines-that-serve.md). Throws `MODEL_INVALID`,
 * `CONFIG_INVALID`, `ENGINE_FAILED`, `ABORTED`. The caller disposes it.
 */
export async function openaiEngine(
  options: OpenaiEngineOptions,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Engine> {
  const file = await readModel(options.modelPath, signal === undefined ? {} : { signal });
  const contextSize = contextSizeFor(file, options.contextSize);
  const sequences = options.sequences ?? 4;
  const client = serverClient({
    url: options.url,
    ...(options.key === undefined ? {} : { key: options.key }),
    limits: options.limits ?? LIMITS,
  });
  await using stack = new AsyncDisposableStack();
  const { model } = stack.use(await openVocabulary(file.path));
  const spoken = conversation({ model, file, contextSize });
  const { vocabulary } = file.manifest;
  const server = await openServer(client, { wanted: options.model, conversation: spoken, vocabulary }, signal);
  const { tokens } = server;
  const isGreedyOnly = tokens.kind === 'text' || tokens.top < Math.min(SAMPLER_WINDOW, vocabulary);
  const engineClass: EngineClass = {
    engine: 'openai',
    build: plain(server.build, 128),
    cpuKernel: plain(options.hardware ?? 'unstated', 64),
    settings: plain(
      `rules=${RULES_VERSION} tokens=${tokens.kind} logits=${tokens.kind === 'ids' ? `logprobs/${tokens.top}` : 'none'} context=${contextSize} served=${server.model}`,
      512,
    ),
  };
  const description: EngineDescription = {
    engineClass,
    engineClassId: engineClassIdOf(engineClass),
    manifest: file.manifest,
    modelId: file.modelId,
    contextSize,
    sequences,
    ...(isGreedyOnly ? { greedyOnly: true } : {}),
  };
  const lanes = pool(Array.from({ length: sequences }, (_, i) => i));
  return engineOver({ description, client, server, spoken, lanes, parts: stack.move() });
}

/** The fields of an engine class are bounded, and what a server says of itself may be anything. */
function plain(text: string, length: number): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, length);
}

interface EngineParts {
  readonly description: EngineDescription;
  readonly client: ServerClient;
  readonly server: OpenedServer;
  readonly spoken: Conversation;
  /** One per request that may run at once. */
  readonly lanes: Pool<number>;
  readonly parts: AsyncDisposableStack;
}

function engineOver(own: EngineParts): Engine {
  const { description, client, server, spoken, lanes } = own;
  const { vocabulary } = description.manifest;

  const generate: Engine['generate'] = async (options, { signal, onTokens, halt } = {}): Promise<GenerateResult> => {
    const startedAt = performance.now();
    const { prompt, limit } = spoken.prepare(options);
    if (options.temperatureMicro > 0 && description.greedyOnly === true)
      throw new KarmeshError('REQUEST_REFUSED', 'This worker’s engine answers at temperature 0 alone.', {
        temperatureMicro: options.temperatureMicro,
      });
    using _lane = await lanes.take(signal);
    let firstTokenMs = 0;
    const ended = (whole: AnswerEnd): GenerateResult => {
      const timings = { firstTokenMs, totalMs: performance.now() - startedAt };
      const resultOf = (at: number | undefined): GenerateResult => ({
        promptTokens: prompt.length,
        ...cutAnswer(whole, { at, stops: options.stops }, spoken.text),
        // A server's last bits depend on what else it computes at the time, so a trace of them would part honest workers.
        traceRoot: ZERO_HASH,
        timings,
        cutTo: async (outputTokens) => resultOf(outputTokens),
      });
      return resultOf(halt?.at);
    };
    if (server.tokens.kind === 'text') {
      const answer = await readChat(client, { ...options, model: server.model, maxTokens: limit }, signal);
      const told = tokensOfText(answer, { ...options, spoken, prompt, limit });
      onTokens?.({ tokens: told.outputTokens, text: told.text });
      firstTokenMs = performance.now() - startedAt;
      return ended(told);
    }
    const answer = answerStream({ stops: options.stops, limit })(spoken.text);
    const isGreedy = options.temperatureMicro === 0;
    const top = isGreedy ? 2 * TRACE_TOP : SAMPLER_WINDOW;
    const read = placeReader(own, { prompt, top, limit, ahead: isGreedy ? READ_AHEAD : 1, signal });
    const outputTokens: number[] = [];
    let text = '';
    for (;;) {
      const position = outputTokens.length;
      const sorted = await read(outputTokens);
      if (position === 0) firstTokenMs = performance.now() - startedAt;
      const token = sampleToken({ ...options, position }, sorted);
      outputTokens.push(token);
      const step = answer.push(token);
      text += step.text;
      onTokens?.({ tokens: [token], text: step.text });
      const finishReason = step.finishReason ?? (isHalted(halt, outputTokens) ? 'halted' : undefined);
      if (finishReason !== undefined) return ended({ outputTokens, text, finishReason });
    }
  };

  const replay: Engine['replay'] = async (options, { signal } = {}): Promise<ReplayResult> => {
    const { prompt, limit } = spoken.prepare(options);
    if (server.tokens.kind === 'text')
      throw new KarmeshError(
        'ENGINE_FAILED',
        'The engine’s server gives no log-probabilities, so it cannot replay an answer.',
      );
    const claimed = options.outputTokens.slice(0, limit);
    if (claimed.length === 0 || options.outputTokens.some((token) => token >= vocabulary))
      return { promptTokens: prompt.length, positions: [], measurements: sumMeasurements([]), end: 'wrong' };
    using _lane = await lanes.take(signal);
    const read = placeReader(own, { prompt, top: server.tokens.top, limit: claimed.length, ahead: READ_AHEAD, signal });
    const positions: PositionMeasurement[] = [];
    for (const [position, token] of claimed.entries()) {
      const sorted = await read(claimed.slice(0, position));
      positions.push(measurePosition({ place: { ...options, position }, claimed: logitOf(token, sorted), sorted }));
    }
    return {
      promptTokens: prompt.length,
      positions,
      measurements: sumMeasurements(positions),
      end: spoken.endsRight(options, limit) ? 'right' : 'wrong',
    };
  };

  return {
    describe: () => description,
    applyTemplate: spoken.applyTemplate,
    generate,
    replay,
    [Symbol.asyncDispose]: () => own.parts.disposeAsync(),
  };
}

function logitOf(token: number, sorted: readonly TokenLogit[]): TokenLogit {
  const lowest = sorted.at(-1)?.logit ?? 0;
  return sorted.find((each) => each.token === token) ?? { token, logit: lowest - UNLISTED_GAP };
}

/**
 * Reads one place of an answer after the other, given the tokens before it. Where the server's own choices turn out to be those tokens, what
 * it reported of the places after them is used; else it is asked anew.
 */
function placeReader(
  { client, server, spoken, description }: EngineParts,
  options: {
    readonly prompt: readonly number[];
    readonly top: number;
    readonly limit: number;
    readonly ahead: number;
    readonly signal: AbortSignal | undefined;
  },
): (before: readonly number[]) => Promise<readonly TokenLogit[]> {
  const { vocabulary } = description.manifest;
  const { prompt, signal } = options;
  const top = Math.min(options.top, vocabulary);
  let known: readonly ReadPosition[] = [];
  let previous: ReadPosition | undefined;
  return async (before) => {
    if (previous?.token !== before.at(-1)) known = [];
    if (known.length === 0) {
      const ask = { model: server.model, prompt: [...prompt, ...before], top, vocabulary };
      // One token first, so that the reader of an answer need not wait for sixteen.
      const count = before.length === 0 ? 1 : Math.min(options.ahead, options.limit - before.length);
      let read = await readPositions(client, { ...ask, count }, signal);
      const force = spoken.endToken;
      const canForce = server.tokens.kind === 'ids' && server.tokens.canForce && force !== undefined;
      if (read?.kind === 'unaligned' && canForce)
        read = await readPositions(client, { ...ask, count: 1, force }, signal);
      if (read?.kind !== 'read')
        throw new KarmeshError('ENGINE_FAILED', 'The engine’s server no longer gives log-probabilities by token id.', {
          server: server.model,
          got: read?.kind,
        });
      known = read.positions;
    }
    const [place, ...rest] = known;
    if (place === undefined) throw new RangeError('A read has at least one place.');
    previous = place;
    known = rest;
    return place.sorted;
  };
}

/**
 * The tokens that a server's text stands for: those that the model file's tokeniser gives, and the end token if the model ended by itself.
 * The model may have spelled the text in another way; then its own count of tokens mostly differs, and the answer is given up, since an
 * audit would not find these tokens in the model.
 */
function tokensOfText(
  answer: ChatAnswer,
  options: Pick<GenerateOptions, 'stops'> & {
    readonly spoken: Conversation;
    readonly prompt: readonly number[];
    readonly limit: number;
  },
): AnswerEnd {
  const { spoken, prompt, limit } = options;
  checkPrompt(answer.promptTokens, prompt.length);
  const spelled = spoken.tokenise(answer.text);
  const ended = answer.finishReason === 'stop' && spoken.endToken !== undefined;
  const all = ended ? [...spelled, spoken.endToken] : spelled;
  if (answer.completionTokens > limit || all.length > limit)
    throw new KarmeshError('ENGINE_FAILED', 'The engine’s server ignores the limit of tokens.', {
      limit,
      got: Math.max(answer.completionTokens, all.length),
    });
  // Some servers do not count the token that ends an answer.
  if (answer.completionTokens !== all.length && !(ended && answer.completionTokens === spelled.length))
    throw new KarmeshError(
      'ENGINE_FAILED',
      'The engine’s server counts other tokens than its text has by the model file.',
      {
        counted: answer.completionTokens,
        own: all.length,
      },
    );
  const stream = answerStream({ stops: options.stops, limit })(spoken.text);
  const outputTokens: number[] = [];
  let text = '';
  for (const token of all) {
    outputTokens.push(token);
    const step = stream.push(token);
    text += step.text;
    if (step.finishReason !== undefined) return { outputTokens, text, finishReason: step.finishReason };
  }
  throw new KarmeshError('ENGINE_FAILED', 'The engine’s server ended an answer before its limit and without an end.', {
    limit,
    got: all.length,
  });
}
