import { hash, ZERO_HASH } from '@karmesh/sdk/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { type Asked, openaiServer, type Reply, sendJson, sendStream } from '../../fixtures/openaiServer.ts';
import { BUNDLED_MODEL_PATH } from '../../models/bundled.ts';
import type { Engine, GenerateOptions } from '../engine.ts';
import { type OpenaiEngineOptions, openaiEngine } from './openaiEngine.ts';

const MADRID = 'The capital of Spain is Madrid.';
/** That text in the bundled model's tokens, and the token that ends a turn. */
const MADRID_TOKENS = [313, 461, 324, 848, 292, 966, 18, 4];
const PROMPT_TOKENS = 16;
const GREETING_TOKENS = 10;
const ask: GenerateOptions = {
  requestId: hash(new TextEncoder().encode('Spain')),
  messages: [{ role: 'user', content: 'What is the capital of Spain?' }],
  maxTokens: 64,
  temperatureMicro: 0,
  stops: [],
};
const models = { object: 'list', data: [{ id: 'tiny', object: 'model', owned_by: 'llamacpp' }] };

let cleanUp = new AsyncDisposableStack();
afterEach(async () => {
  const last = cleanUp;
  cleanUp = new AsyncDisposableStack();
  await last[Symbol.asyncDispose]();
});

async function serve(
  reply: Reply,
  options: Partial<OpenaiEngineOptions> = {},
): Promise<{ readonly asked: readonly Asked[]; open(): Promise<Engine> }> {
  const server = cleanUp.use(await openaiServer(reply));
  return {
    asked: server.asked,
    async open() {
      return cleanUp.use(await openaiEngine({ modelPath: BUNDLED_MODEL_PATH, url: server.url, ...options }));
    },
  };
}

type Top = readonly (readonly [token: number, logprob: number])[];

/** What a model that says `MADRID_TOKENS` to everything reports of one place: its choice, and 63 others far below. */
function topOf(token: number, count: number): Top {
  const others = Array.from({ length: count }, (_, i) => 500 + i).filter((other) => other !== token);
  return [[token, -0.01] as const, ...others.slice(0, count - 1).map((other, i) => [other, -10 - i / 8] as const)];
}

/** The tokens that such a model takes after a prompt, by whose length it knows where it is. */
function taken({ body }: Asked): readonly number[] {
  const prompt = body.prompt as readonly number[];
  const from = prompt.length >= PROMPT_TOKENS ? prompt.length - PROMPT_TOKENS : 0;
  const run = MADRID_TOKENS.slice(from, from + Number(body.max_tokens));
  return run.includes(4) ? run.slice(0, run.indexOf(4) + 1) : run;
}

const usage = (asked: Asked, count: number) => ({
  prompt_tokens: (asked.body.prompt as readonly number[]).length,
  completion_tokens: count,
});

/** llama-server: ids beside texts. It leaves out places that end within a character, which `hidden` says of a token. */
const llamaServer =
  (hidden: readonly number[] = []): Reply =>
  (asked, response) => {
    if (asked.path === '/v1/models') return sendJson(response, models);
    if (asked.path !== '/v1/completions') return sendJson(response, { error: {} }, 404);
    const [forced] = Object.keys((asked.body.logit_bias ?? {}) as object);
    const run = taken(asked);
    const content = run.flatMap((token) => {
      const id = forced === undefined ? token : Number(forced);
      if (hidden.includes(id)) return [];
      const top_logprobs = topOf(token, Number(asked.body.logprobs)).map(([each, logprob]) => ({ id: each, logprob }));
      return [{ id, token: '', bytes: [], logprob: -0.01, top_logprobs }];
    });
    return sendJson(response, {
      choices: [{ text: '', index: 0, logprobs: content.length === 0 ? null : { content }, finish_reason: 'length' }],
      system_fingerprint: 'b1-de3ff81',
      usage: usage(asked, run.length),
    });
  };

/** vLLM with its usual bound on how many log-probabilities may be asked for. */
const vllm: Reply = (asked, response) => {
  if (asked.path === '/v1/models')
    return sendJson(response, { object: 'list', data: [{ id: 'tiny', owned_by: 'vllm', max_model_len: 512 }] });
  if (asked.path === '/version') return sendJson(response, { version: '0.17.0' });
  if (Number(asked.body.logprobs) > 20) return sendJson(response, { error: { message: 'too many' } }, 400);
  const run = taken(asked);
  return sendJson(response, {
    choices: [
      {
        text: '',
        index: 0,
        finish_reason: 'length',
        logprobs: {
          text_offset: run.map(() => 0),
          token_logprobs: run.map(() => -0.01),
          tokens: run.map((token) => `token_id:${token}`),
          top_logprobs: run.map((token) =>
            Object.fromEntries(
              topOf(token, Number(asked.body.logprobs)).map(([each, logprob]) => [`token_id:${each}`, logprob]),
            ),
          ),
        },
      },
    ],
    usage: usage(asked, run.length),
  });
};

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const delta = (content: string, finish_reason: string | null = null) =>
  event({ id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason }] });
const counts = (prompt: number, completion: number) =>
  event({ choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: 0 } });
const DONE = 'data: [DONE]\n\n';
const greeted = [delta('He', 'length'), counts(GREETING_TOKENS, 1), DONE];
const spain = [delta('The capital '), delta('of Spain is Madrid.'), delta('', 'stop'), counts(PROMPT_TOKENS, 8), DONE];

/** A server that only chats. It answers a greeting well and the question with these pieces. */
const chats =
  (...pieces: readonly (string | Uint8Array)[]): Reply =>
  (asked, response) => {
    if (asked.path === '/v1/models') return sendJson(response, { data: [{ id: 'tiny', owned_by: 'library' }] });
    if (asked.path !== '/v1/chat/completions') return sendJson(response, { error: {} }, 404);
    const [message] = asked.body.messages as readonly { readonly content: string }[];
    return sendStream(response, ...(message?.content === 'Hi' ? greeted : pieces));
  };

describe('a server that speaks in token ids', () => {
  test('answers by our own rules, and S-05: with the token that ends the answer', async () => {
    const { asked, open: opened } = await serve(llamaServer(), { key: 'sk-secret', hardware: 'one H200' });
    const engine = await opened();
    const pieces: string[] = [];
    const result = await engine.generate(ask, { onTokens: ({ text }) => pieces.push(text) });
    expect(result).toMatchObject({
      promptTokens: PROMPT_TOKENS,
      outputTokens: MADRID_TOKENS,
      text: MADRID,
      finishReason: 'stop',
    });
    expect(pieces.join('')).toBe(MADRID);
    expect(result.traceRoot).toEqual(ZERO_HASH);
    expect(engine.describe()).toMatchObject({
      engineClass: {
        engine: 'openai',
        build: 'llamacpp b1-de3ff81',
        cpuKernel: 'one H200',
        settings: 'rules=2 tokens=ids logits=logprobs/64 context=512 served=tiny',
      },
      contextSize: 512,
      sequences: 4,
    });
    expect(engine.describe().greedyOnly).toBeUndefined();
    expect(asked.map(({ path, authorization, body }) => [path, authorization, body.max_tokens])).toEqual([
      ['/v1/models', 'Bearer sk-secret', undefined],
      ['/v1/completions', 'Bearer sk-secret', 1],
      ['/v1/completions', 'Bearer sk-secret', 1],
      ['/v1/completions', 'Bearer sk-secret', 16],
    ]);
  });

  test('S-06: ends at the limit and at a stop text, whatever the server would go on with', async () => {
    const engine = await (await serve(llamaServer())).open();
    const short = await engine.generate({ ...ask, maxTokens: 3 });
    expect([short.outputTokens, short.finishReason]).toEqual([MADRID_TOKENS.slice(0, 3), 'length']);
    const cut = await engine.generate({ ...ask, stops: ['ain'] });
    expect([cut.text, cut.outputTokens, cut.finishReason]).toEqual([
      'The capital of Sp',
      MADRID_TOKENS.slice(0, 4),
      'stop',
    ]);
  });

  test('reads by force the places that llama-server leaves out', async () => {
    const plainly = await (await (await serve(llamaServer())).open()).generate(ask);
    const { asked, open: opened } = await serve(llamaServer([461, 848]));
    const result = await (await opened()).generate(ask);
    expect(result).toEqual({ ...plainly, timings: result.timings, cutTo: result.cutTo });
    expect(asked.filter(({ body }) => body.logit_bias !== undefined).length).toBeGreaterThan(0);
  });

  test('S-04: above temperature 0 the token is drawn here, the same for the same request', async () => {
    const engine = await (await serve(llamaServer())).open();
    const hot = { ...ask, temperatureMicro: 2_000_000, maxTokens: 8 };
    const [first, again] = [await engine.generate(hot), await engine.generate(hot)];
    expect(again).toEqual({ ...first, timings: again.timings, cutTo: again.cutTo });
    const replayed = await engine.replay({
      ...hot,
      outputTokens: first.outputTokens,
      finishReason: first.finishReason,
    });
    expect([replayed.end, replayed.measurements]).toEqual([
      'right',
      { tokens: first.outputTokens.length, differing: 0, largestGapMicro: 0n, gapSumMicro: 0n },
    ]);
  });

  test('a vLLM that gives twenty log-probabilities takes temperature 0 alone', async () => {
    const engine = await (await serve(vllm)).open();
    expect(engine.describe()).toMatchObject({
      greedyOnly: true,
      engineClass: {
        build: 'vllm 0.17.0',
        cpuKernel: 'unstated',
        settings: 'rules=2 tokens=ids logits=logprobs/20 context=512 served=tiny',
      },
    });
    expect((await engine.generate(ask)).outputTokens).toEqual(MADRID_TOKENS);
    await expect(engine.generate({ ...ask, temperatureMicro: 1 })).rejects.toMatchObject({ code: 'REQUEST_REFUSED' });
  });

  test('replays: an honest answer has no gap, another token has one that no threshold allows', async () => {
    const engine = await (await serve(vllm)).open();
    const claim = { ...ask, outputTokens: MADRID_TOKENS, finishReason: 'stop' as const };
    expect(await engine.replay(claim)).toMatchObject({
      promptTokens: PROMPT_TOKENS,
      end: 'right',
      measurements: { tokens: 8, differing: 0, largestGapMicro: 0n, gapSumMicro: 0n },
    });
    const listed = await engine.replay({ ...claim, outputTokens: [500, ...MADRID_TOKENS.slice(1)] });
    expect(listed.measurements).toEqual({
      tokens: 8,
      differing: 1,
      largestGapMicro: 9_990_000n,
      gapSumMicro: 9_990_000n,
    });
    const unlisted = await engine.replay({ ...claim, outputTokens: [1000, ...MADRID_TOKENS.slice(1)] });
    expect(unlisted.measurements).toEqual({
      tokens: 8,
      differing: 1,
      largestGapMicro: 13_240_000n,
      gapSumMicro: 13_240_000n,
    });
    expect((await engine.replay({ ...claim, finishReason: 'length' })).end).toBe('wrong');
    expect((await engine.replay({ ...claim, outputTokens: [99_999] })).end).toBe('wrong');
  });
});

describe('a server that speaks in text', () => {
  test('gives the tokens of the model file’s tokeniser at temperature 0, and no trace', async () => {
    const { asked, open: opened } = await serve(chats(...spain));
    const engine = await opened();
    const result = await engine.generate(ask);
    const { cutTo: _, ...answer } = result;
    expect(answer).toEqual({
      promptTokens: PROMPT_TOKENS,
      outputTokens: MADRID_TOKENS,
      text: MADRID,
      finishReason: 'stop',
      traceRoot: ZERO_HASH,
      timings: result.timings,
    });
    expect(engine.describe()).toMatchObject({
      greedyOnly: true,
      engineClass: {
        build: 'library of unstated build',
        settings: 'rules=2 tokens=text logits=none context=512 served=tiny',
      },
    });
    expect(asked.at(-1)?.body).toEqual({
      model: 'tiny',
      messages: ask.messages,
      max_tokens: 64,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    await expect(engine.replay({ ...ask, outputTokens: MADRID_TOKENS, finishReason: 'stop' })).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
    });
  });

  test('reads a stream that is cut anywhere, with comments and other line ends', async () => {
    const bytes = new TextEncoder().encode(`: warm\r\n\r\n${spain.join('').replaceAll('\n', '\r\n')}`);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(7 * i, 7 * i + 7));
    const engine = await (await serve(chats(...pieces))).open();
    expect((await engine.generate(ask)).text).toBe(MADRID);
  });

  test('S-06: cuts at a stop text that the server was not told', async () => {
    const engine = await (await serve(chats(...spain))).open();
    const cut = await engine.generate({ ...ask, stops: ['ain'] });
    expect([cut.text, cut.outputTokens]).toEqual(['The capital of Sp', MADRID_TOKENS.slice(0, 4)]);
  });

  test('W-22: cuts an answer whose reader left, which the server is not told', async () => {
    const engine = await (await serve(chats(...spain))).open();
    const { cutTo: _, ...whole } = await engine.generate({ ...ask, stops: ['ain'] });
    const halted = await engine.generate({ ...ask, stops: ['ain'] }, { halt: { at: 3 } });
    expect([halted.text, halted.outputTokens, halted.finishReason]).toEqual([
      'The capital of',
      MADRID_TOKENS.slice(0, 3),
      'halted',
    ]);
    const { cutTo: __, ...beyond } = await engine.generate({ ...ask, stops: ['ain'] }, { halt: { at: 4 } });
    expect(beyond).toEqual({ ...whole, timings: beyond.timings });
  });

  const badStreams: readonly [name: string, pieces: readonly (string | Uint8Array)[], maxTokens: number][] = [
    ['breaks off in mid-answer', [delta('The capital ')], 64],
    ['says no end reason', [delta('The capital '), counts(PROMPT_TOKENS, 2), DONE], 64],
    ['says no counts', [delta(MADRID, 'stop'), DONE], 64],
    ['goes on after its end', [delta('The', 'stop'), delta(' capital'), counts(PROMPT_TOKENS, 3), DONE], 64],
    ['reports a failure', [event({ error: { message: 'my secret prompt' } }), DONE], 64],
    ['sends no JSON', ['data: {"choices":\n\n', DONE], 64],
    ['sends no events', ['<html>\n', DONE], 64],
    ['sends no UTF-8', [new Uint8Array([0x64, 0xff, 0xfe, 0x0a]), DONE], 64],
    ['sends an endless line', [`data: ${'x'.repeat(2_000_000)}`, DONE], 64],
    ['sends more than its bound', Array(40).fill(delta('x'.repeat(100_000))), 64],
    ['ignores the limit of tokens', spain, 7],
    ['ends before its limit without an end', [delta('The', 'length'), counts(PROMPT_TOKENS, 1), DONE], 64],
    ['counts other tokens', [delta(MADRID, 'stop'), counts(PROMPT_TOKENS, 20), DONE], 64],
    ['reads another prompt', [delta(MADRID, 'stop'), counts(PROMPT_TOKENS + 1, 8), DONE], 64],
  ];

  test('says what is wrong with a stream, and never what it says', async () => {
    const sentences: string[] = [];
    for (const [name, pieces, maxTokens] of badStreams) {
      const { open: opened } = await serve(chats(...pieces), { limits: { bytes: 3_000_000, answerMs: 60_000 } });
      const engine = await opened();
      const error = await engine.generate({ ...ask, maxTokens }).then(
        () => new Error('It passed.'),
        (thrown: Error & { readonly code?: string; readonly facts?: object }) => thrown,
      );
      expect(JSON.stringify(error)).not.toContain('secret');
      sentences.push(`${name}: ${'code' in error ? error.code : ''} ${error.message}`);
    }
    expect(sentences).toMatchInlineSnapshot(`
      [
        "breaks off in mid-answer: ENGINE_FAILED The engine’s server ended its stream in mid-answer.",
        "says no end reason: ENGINE_FAILED The engine’s server does not say why an answer ended and how many tokens it has.",
        "says no counts: ENGINE_FAILED The engine’s server does not say why an answer ended and how many tokens it has.",
        "goes on after its end: ENGINE_FAILED The engine’s server went on after the end of its answer.",
        "reports a failure: ENGINE_FAILED The engine’s server streamed an event in a form that the API does not have.",
        "sends no JSON: ENGINE_FAILED The engine’s server streamed what is not JSON.",
        "sends no events: ENGINE_FAILED The engine’s server sent a stream that is not made of events.",
        "sends no UTF-8: ENGINE_FAILED The engine’s server sent a stream that is not made of events.",
        "sends an endless line: ENGINE_FAILED The engine’s server sent a stream that is not made of events.",
        "sends more than its bound: ENGINE_FAILED The engine’s server answered with more than it was asked for.",
        "ignores the limit of tokens: ENGINE_FAILED The engine’s server ignores the limit of tokens.",
        "ends before its limit without an end: ENGINE_FAILED The engine’s server ended an answer before its limit and without an end.",
        "counts other tokens: ENGINE_FAILED The engine’s server counts other tokens than its text has by the model file.",
        "reads another prompt: ENGINE_FAILED The engine’s server counts another prompt than the model file gives: its chat template or its tokeniser is another.",
      ]
    `);
  });
});

describe('a server that cannot be used', () => {
  const failure = async (reply: Reply, options: Partial<OpenaiEngineOptions> = {}) => {
    const { open: opened } = await serve(reply, options);
    return opened().then(
      () => 'It opened.',
      ({ code, message }: Error & { readonly code?: string }) => `${code}: ${message}`,
    );
  };
  const listing =
    (list: unknown): Reply =>
    (_, response) =>
      sendJson(response, list);

  test('is refused with a sentence when it is opened', async () => {
    const wrongVocabulary = { data: [{ id: 'tiny', meta: { n_vocab: 32_000 } }] };
    const otherIds: Reply = (asked, response) =>
      asked.path === '/v1/models'
        ? sendJson(response, models)
        : sendJson(response, {
            choices: [
              {
                finish_reason: 'length',
                logprobs: { content: [{ id: 70_000, top_logprobs: [{ id: 70_000, logprob: 0 }] }] },
              },
            ],
            usage: usage(asked, 1),
          });
    const ignoresLimit: Reply = (asked, response) =>
      asked.path === '/v1/models'
        ? sendJson(response, models)
        : sendJson(response, {
            choices: [{ finish_reason: 'stop', logprobs: { content: [] } }],
            usage: usage(asked, 40),
          });
    expect([
      await failure((_, response) => sendJson(response, {}, 401)),
      await failure((_, response) => sendJson(response, {}, 500)),
      await failure(listing({ data: [] })),
      await failure(listing({ data: [{ id: 'a' }, { id: 'b' }] })),
      await failure(listing(models), { model: 'other' }),
      await failure(listing(wrongVocabulary)),
      await failure(listing({ models: [] })),
      await failure((_, response) => response.end('<html>')),
      await failure((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()),
      await failure(otherIds),
      await failure(ignoresLimit),
      await failure((_, response) => response.destroy()),
      await failure(() => undefined, { limits: { bytes: 1000, answerMs: 50 } }),
    ]).toMatchInlineSnapshot(`
      [
        "CONFIG_INVALID: The engine’s server refused the key.",
        "ENGINE_FAILED: The engine’s server refused a request.",
        "CONFIG_INVALID: The engine’s server does not serve this model; name one that it lists.",
        "CONFIG_INVALID: The engine’s server does not serve this model; name one that it lists.",
        "CONFIG_INVALID: The engine’s server does not serve this model; name one that it lists.",
        "CONFIG_INVALID: The engine’s server serves another model than the model file.",
        "ENGINE_FAILED: The engine’s server answered in a form that the API does not have.",
        "ENGINE_FAILED: The engine’s server answered with what is not JSON.",
        "ENGINE_FAILED: The engine’s server cannot be reached.",
        "ENGINE_FAILED: The engine’s server runs a model with another vocabulary.",
        "ENGINE_FAILED: The engine’s server ignores the limit of tokens.",
        "ENGINE_FAILED: The engine’s server cannot be reached.",
        "ENGINE_FAILED: The engine’s server took too long.",
      ]
    `);
  });

  test('a stop ends the wait for it', async () => {
    const controller = new AbortController();
    const server = cleanUp.use(await openaiServer(() => controller.abort()));
    await expect(
      openaiEngine({ modelPath: BUNDLED_MODEL_PATH, url: server.url }, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
