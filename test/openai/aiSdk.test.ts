import { createKarmesh, type KarmeshProvider } from '@karmesh/sdk/ai-sdk';
import { toHex } from '@karmesh/sdk/protocol';
import { APICallError, generateText, isStepCount, jsonSchema, Output, streamText, tool } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANSWER, API_KEY, MODEL, type ScriptedGateway, startScriptedGateway } from './scriptedMarket.ts';

// The AI SDK, unmodified, with the provider of `@karmesh/sdk/ai-sdk`, against the gateway's HTTP interface.

let gateway: ScriptedGateway;
let karmesh: KarmeshProvider;
beforeAll(async () => {
  gateway = await startScriptedGateway();
  karmesh = createKarmesh({ baseURL: `${gateway.url}/v1`, apiKey: API_KEY });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const prompt = 'What is the capital of France?';

/** The evidence of the newest request. */
const evidence = (more: object = {}) => {
  const requestId = toHex(new Uint8Array(32).fill(gateway.asked.length));
  return {
    requestId,
    assurance: 'quorum',
    epoch: '1',
    dispatchNumber: '2',
    priceLamports: '5',
    lane: 'bronze',
    quorum: { verdict: 'agreed', agreeing: 1, asked: 1 },
    receipts: [
      { worker: expect.any(String), outcome: 'agreed', receiptHash: toHex(new Uint8Array(32).fill(4)), shown: true },
    ],
    bundle: `${gateway.url}/v1/receipts/${requestId}`,
    ...more,
  };
};

test('generateText gives the text, the usage and the evidence', async () => {
  const { providerMetadata, text, usage, warnings } = await generateText({ model: karmesh(MODEL), prompt });
  expect([text, warnings]).toEqual([ANSWER, []]);
  expect(usage).toMatchObject({ inputTokens: 7, outputTokens: 3, totalTokens: 10 });
  expect(providerMetadata).toEqual({ karmesh: evidence() });
});

test('streamText streams the text, and gives usage and evidence at its end', async () => {
  const result = streamText({ model: karmesh(MODEL), prompt });
  const texts = [];
  for await (const text of result.textStream) texts.push(text);
  expect(texts.join('')).toBe(ANSWER);
  expect(texts.length).toBeGreaterThan(1);
  expect(await result.usage).toMatchObject({ inputTokens: 7, outputTokens: 3 });
  expect(await result.providerMetadata).toEqual({ karmesh: evidence({ assurance: 'stream' }) });
});

test('lane and assurance reach the market, and those of a call go first', async () => {
  const dear = createKarmesh({
    baseURL: `${gateway.url}/v1`,
    apiKey: API_KEY,
    lane: 'gold',
    assurance: 'proof',
  });
  const { providerMetadata } = await generateText({ model: dear(MODEL), prompt });
  expect(providerMetadata).toEqual({ karmesh: evidence({ lane: 'gold', assurance: 'proof' }) });
  expect(gateway.asked.at(-1)).toMatchObject({ lane: 3, assurance: 'proof' });
  const providerOptions = { karmesh: { lane: 'silver', assurance: 'stream' } };
  await generateText({ model: dear(MODEL), prompt, providerOptions });
  expect(gateway.asked.at(-1)).toMatchObject({ lane: 4, assurance: 'stream' });
  const quoted = generateText({ model: dear(MODEL), prompt, providerOptions: { karmesh: { quote: 'abcd' } } });
  await expect(quoted).rejects.toThrow('This gateway takes no quotes.');
});

const asked: string[] = [];
const tools = {
  weather: tool({
    description: 'The weather of a city.',
    inputSchema: jsonSchema<{ city: string }>({
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    }),
    execute: async ({ city }) => {
      asked.push(city);
      return `sun in ${city}`;
    },
  }),
};
const call = 'say <tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>';

test('generateText runs a tool and gives its result back to the model', async () => {
  const before = gateway.asked.length;
  const result = await generateText({ model: karmesh(MODEL), prompt: call, tools, stopWhen: isStepCount(2) });
  expect(asked.splice(0)).toEqual(['Rome']);
  expect(result.steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
  expect(result.text).toBe(ANSWER);
  const [first, second] = gateway.asked.slice(before);
  expect(first?.messages[0]?.content).toContain('"name":"weather"');
  expect(second?.messages.at(-1)).toEqual({
    role: 'user',
    content: '<tool_response>\nsun in Rome\n</tool_response>',
  });
  // Every step is a request of its own, with its own evidence.
  expect(result.steps.map(({ providerMetadata }) => providerMetadata?.karmesh?.requestId)).toEqual([
    toHex(new Uint8Array(32).fill(before + 1)),
    toHex(new Uint8Array(32).fill(before + 2)),
  ]);
});

test('streamText runs a tool too', async () => {
  const result = streamText({ model: karmesh(MODEL), prompt: call, tools, stopWhen: isStepCount(2) });
  expect(await result.text).toBe(ANSWER);
  expect(asked.splice(0)).toEqual(['Rome']);
});

test('generateText gives an object where the model gives JSON, and says whether it has the form', async () => {
  const schema = jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } });
  const { output, providerMetadata } = await generateText({
    model: karmesh(MODEL),
    prompt: 'say {"city": "Rome"}',
    output: Output.object({ schema }),
  });
  expect(output).toEqual({ city: 'Rome' });
  expect(providerMetadata).toEqual({ karmesh: evidence({ format: 'met' }) });
});

test('an error shows the gateway’s sentence', async () => {
  const unknown = await generateText({ model: karmesh('none'), prompt, maxRetries: 0 }).catch((cause) => cause);
  expect(APICallError.isInstance(unknown)).toBe(true);
  expect(unknown).toMatchObject({
    statusCode: 404,
    isRetryable: false,
    message: 'The model `none` does not exist or you do not have access to it.',
  });
  const stranger = createKarmesh({ baseURL: `${gateway.url}/v1`, apiKey: 'sk-bad' });
  await expect(generateText({ model: stranger(MODEL), prompt })).rejects.toThrow('Incorrect API key provided.');
  const errors: unknown[] = [];
  const stream = streamText({
    model: karmesh(MODEL),
    prompt,
    topP: 0.5,
    maxRetries: 0,
    onError: ({ error }) => void errors.push(error),
  });
  await stream.consumeStream();
  expect(errors).toMatchObject([
    { statusCode: 400, message: "Unsupported parameter: 'top_p' is not supported by this market with this value." },
  ]);
});

test('who aborts cancels the work on the market', async () => {
  const controller = new AbortController();
  const stream = streamText({ model: karmesh(MODEL), prompt: 'wait', abortSignal: controller.signal });
  for await (const text of stream.textStream) if (text !== '') controller.abort();
  expect(await gateway.cancelled()).toMatchObject({ code: 'ABORTED' });
});
