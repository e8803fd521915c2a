import {
  type AnswerVerdict,
  addressFromBase58,
  chainReader,
  type PayAndVerifyOptions,
  payAndVerify,
} from '@karmesh/sdk/client';
import { openProofTools } from '@karmesh/sdk/client/proofs';
import type { Clock } from '@karmesh/sdk/clock';
import {
  agreeingReceipts,
  type BundleFile,
  decodeBundle,
  encode,
  makeDomain,
  modelIdOf,
  quoteRecord,
  receiptRecord,
  signedCodec,
  signRecord,
  toHex,
} from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { provenBundle } from '../e2e/provenBundle.ts';
import { ANSWER, API_KEY, type ScriptedGateway, type ScriptOptions, startScriptedGateway } from './scriptedMarket.ts';

// OpenAI's client, unmodified, with the `fetch` of `payAndVerify`, against the gateway's HTTP interface. The evidence is that of a real answer and its chain
// (test/vectors/proven.json), which the gateway here hands out for whatever is asked.

const { answerRpc, file, programId } = provenBundle();
const bundle = decodeBundle(file);
const { challenge: _, ...partsWithoutProofs } = file.parts;
const withoutProofs: BundleFile = { ...file, parts: partsWithoutProofs };
const reader = chainReader({
  rpcUrl: 'http://127.0.0.1:8899',
  programId: addressFromBase58(programId),
  fetch: async (_url, init) => Response.json(answerRpc(JSON.parse(String(init?.body)))),
});
const chain = { reader, isLocal: true, proofTools: openProofTools };

const domain = makeDomain(bundle.cluster);
const ticket = bundle.entry.ticket.value;
const workers = agreeingReceipts(bundle.entry).map(({ receipt }) => ({
  worker: receipt.value.worker,
  outcome: 'agreed' as const,
  receiptHash: receiptRecord.hash(domain, receipt.value),
  shown: true,
}));
type Done = ReturnType<NonNullable<ScriptOptions['doneOf']>>;
const done: Done = {
  kind: 'done',
  finishReason: 'stop',
  promptTokens: 16,
  outputTokens: bundle.tokens.length,
  summary: {
    requestId: ticket.requestId,
    assurance: bundle.request.assurance,
    epoch: 0n,
    dispatchNumber: 1n,
    priceLamports: bundle.entry.outcome.value.price,
    lane: ticket.lane,
    tokensPaidFor: undefined,
    verdict: 'agreed',
    workers,
  },
};
const summarised = (more: Partial<Done['summary']>): Done => ({ ...done, summary: { ...done.summary, ...more } });

/** What the recorded answer was asked with. */
const question = {
  model: bundle.model.name,
  messages: [{ role: 'user' as const, content: 'What is the capital of France?' }],
  temperature: 0,
  max_tokens: bundle.request.maxTokens,
  karmesh: { assurance: 'proof' as const, lane: 'master' as const },
};

/** Time that passes as soon as somebody waits for it. */
function quickClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    alarm(ms, ring) {
      const timer = setImmediate(() => {
        nowMs += ms;
        ring();
      });
      return () => clearImmediate(timer);
    },
  };
}

interface Bought {
  readonly gateway: ScriptedGateway;
  readonly client: OpenAI;
  readonly buy: ReturnType<typeof payAndVerify>;
  readonly verdicts: readonly AnswerVerdict[];
}

type Setting = {
  readonly script?: ScriptOptions;
  readonly pay?: Partial<Pick<PayAndVerifyOptions, 'payer' | 'signal' | 'withinMs'>>;
  readonly verify?: 'none' | 'quorum' | 'final';
};

/** Runs `use` with a client of a gateway, and returns the verdicts once all checks are done. */
async function verdictsOf(
  setting: Setting,
  use: (bought: Bought) => Promise<unknown>,
): Promise<readonly AnswerVerdict[]> {
  const { script, pay, verify = 'quorum' } = setting;
  await using gateway = await startScriptedGateway({
    model: { modelId: modelIdOf(bundle.model), manifest: bundle.model },
    doneOf: () => done,
    findBundle: () => withoutProofs,
    ...script,
  });
  const verdicts: AnswerVerdict[] = [];
  const buy = payAndVerify({
    gateway: { url: gateway.url, apiKey: API_KEY },
    onVerified: (verdict) => verdicts.push(verdict),
    clock: quickClock(),
    ...(verify === 'none' ? {} : { verify, chain }),
    ...pay,
  });
  const client = new OpenAI({ apiKey: 'unused', baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: buy });
  await use({ gateway, client, buy, verdicts });
  await buy.idle();
  return verdicts;
}

const askWhole =
  (more: object = {}) =>
  async ({ client }: Bought) => {
    const completion = await client.chat.completions.create({ ...question, ...more });
    expect(completion.choices[0]?.message.content).toBe(ANSWER);
  };
const askStream =
  (more: object = {}) =>
  async ({ client }: Bought) => {
    let text = '';
    const stream = await client.chat.completions.create({ ...question, stream: true, ...more });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe(ANSWER);
  };

const held = { kind: 'holds', evidence: { requestId: toHex(ticket.requestId) }, choices: [{ kind: 'holds' }] };

test('an answer whose evidence holds is told so, whole and streamed', async () => {
  expect(await verdictsOf({}, askWhole())).toMatchObject([held]);
  expect(await verdictsOf({}, askStream())).toMatchObject([held]);
  expect(await verdictsOf({}, askStream({ stream_options: { include_usage: true } }))).toMatchObject([held]);
});

test('a plain completion is checked too', async () => {
  const { messages, ...rest } = question;
  const verdicts = await verdictsOf({}, ({ client }) =>
    client.completions.create({ ...rest, prompt: messages[0]?.content ?? '' }),
  );
  expect(verdicts).toMatchObject([held]);
});

test('final: every proof is checked, and without them an answer stays unchecked', { timeout: 120_000 }, async () => {
  const script = { findBundle: () => file };
  const [verdict] = await verdictsOf({ script, verify: 'final' }, askWhole());
  expect(verdict).toMatchObject(held);
  expect(verdict?.choices[0]?.recheck?.proof?.proven).toBeGreaterThanOrEqual(40);
  expect(await verdictsOf({ verify: 'final', pay: { withinMs: 6_000 } }, askWhole())).toMatchObject([
    { kind: 'unchecked', sentence: 'The proofs of this answer are not there yet.' },
  ]);
});

test('the bundle is fetched again until it is there, and not for ever', async () => {
  let left = 3;
  const findBundle = () => (left-- > 0 ? undefined : withoutProofs);
  expect(await verdictsOf({ script: { findBundle } }, askWhole())).toMatchObject([held]);
  expect(await verdictsOf({ script: { findBundle: () => undefined } }, askWhole())).toMatchObject([
    { kind: 'unchecked', sentence: 'No finished request with this id was made with this API key.' },
  ]);
});

/** The bundle with the lowest bit of a byte of a part turned. */
function turned(part: string, at: number): BundleFile {
  const hex = withoutProofs.parts[part] ?? '';
  const byte = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16) ^ 1;
  const parts = { ...withoutProofs.parts };
  parts[part] = hex.slice(0, 2 * at) + byte.toString(16).padStart(2, '0') + hex.slice(2 * at + 2);
  return { ...withoutProofs, parts };
}

test.each<[string, ScriptOptions, object, string, string]>([
  [
    'another price',
    { doneOf: () => summarised({ priceLamports: 1n }) },
    {},
    'M-01',
    'the price is the one that the answer named',
  ],
  [
    'another request’s bundle',
    { doneOf: () => summarised({ requestId: new Uint8Array(32).fill(7) }) },
    {},
    'B-03',
    'the bundle is of the request that was answered',
  ],
  [
    'workers that did not agree',
    { doneOf: () => summarised({ workers: workers.slice(1) }) },
    {},
    'Q-01',
    'the workers that agree are those that the answer named',
  ],
  [
    'the text of a worker that dissented',
    { doneOf: () => summarised({ workers: workers.map((worker) => ({ ...worker, shown: false })) }) },
    {},
    'Q-01',
    'the text that was shown is of a worker that agrees',
  ],
  [
    'other words',
    {},
    { messages: [{ role: 'user', content: 'And of Spain?' }] },
    'B-03',
    'the workers read the words that you sent',
  ],
  ['another temperature', {}, { temperature: 0.5 }, 'B-03', 'the workers ran it as you asked'],
  ['a greater limit', {}, { max_tokens: 16 }, 'B-03', 'the workers ran it as you asked'],
  [
    'another lane',
    {},
    { karmesh: { assurance: 'proof', lane: 'gold' } },
    'L-01',
    'it waited in the lane that you named',
  ],
  [
    'tokens that nobody signed',
    { findBundle: () => turned('tokens', 4) },
    {},
    'B-04',
    'the tokens are the ones that the workers agreed on',
  ],
  [
    'a bundle that cannot be read',
    { findBundle: () => ({ format: 'other' }) },
    {},
    'B-01',
    'This is not a receipt bundle of a known format.',
  ],
  [
    'other tokens than were signed',
    { doneOf: () => ({ ...done, outputTokens: 9 }) },
    {},
    'M-01',
    'The answer counts other tokens than the workers signed.',
  ],
])('an answer with %s is false', async (_name, script, more, rule, sentence) => {
  expect(await verdictsOf({ script }, askWhole(more))).toMatchObject([{ kind: 'false', rule, sentence }]);
});

test('of several choices each has its own evidence', async () => {
  const several = async ({ client }: Bought) => client.chat.completions.create({ ...question, n: 2 });
  expect(await verdictsOf({}, several)).toMatchObject([
    { kind: 'false', rule: 'B-03', sentence: 'Not every choice that was asked for has evidence of its own.' },
  ]);
  const doneOf = (place: number) => (place === 0 ? done : summarised({ requestId: new Uint8Array(32).fill(7) }));
  expect(await verdictsOf({ script: { doneOf } }, several)).toMatchObject([
    {
      kind: 'false',
      rule: 'B-03',
      sentence: 'the bundle is of the request that was answered',
      choices: [{ kind: 'holds' }, { kind: 'false', requestId: '07'.repeat(32) }],
    },
  ]);
});

test('L-08: an answer is sold at the price of its quote', async () => {
  const { lane, unitPrice } = ticket;
  const quoteAt = (price: bigint): string => {
    const value = {
      gateway: ticket.gateway,
      modelId: modelIdOf(bundle.model),
      lane,
      unitPrice: price,
      baseFee: 1_000,
      issuedAtMs: 1n,
      expiresAtMs: 2n,
      nonce: 3n,
    };
    const signed = signRecord(quoteRecord, { domain, signer: generateKeypair() }, value);
    return toHex(encode(signedCodec(quoteRecord), signed));
  };
  const script = { offerOf: () => ({ lane, unitPrice }) };
  const quoted = (price: bigint) => askWhole({ karmesh: { assurance: 'proof', quote: quoteAt(price) } });
  expect(await verdictsOf({ script }, quoted(unitPrice))).toMatchObject([held]);
  expect(await verdictsOf({ script }, quoted(unitPrice - 1n))).toMatchObject([
    { kind: 'false', rule: 'L-08', sentence: 'it was sold at the price of your quote' },
  ]);
});

/** A payer that sends what the gateway answers through `change`. */
const changing =
  (change: (body: string) => string) =>
  (send: typeof fetch): typeof fetch =>
  async (input, init) => {
    const response = await send(input, init);
    return new Response(change(await response.text()), response);
  };

test('an answer without evidence is false, and one that breaks off unchecked', async () => {
  const stripped = changing((body) => body.replaceAll('"karmesh":', '"other":'));
  expect(await verdictsOf({ pay: { payer: stripped } }, askStream())).toMatchObject([
    { kind: 'false', rule: 'B-03', sentence: 'The answer came without evidence.' },
  ]);
  const misshapen = changing((body) => body.replaceAll('"epoch":"0"', '"epoch":0'));
  expect(await verdictsOf({ pay: { payer: misshapen } }, askWhole())).toMatchObject([
    { kind: 'false', rule: 'B-03', sentence: 'The answer’s evidence is in another form.' },
  ]);
  const broken = changing((body) => {
    const [opening = ''] = body.split('\n\n');
    return `${opening}\n\ndata: {"error":{"message":"No two agreed."}}\n\n`;
  });
  const verdicts = await verdictsOf({ pay: { payer: broken } }, async (bought) => {
    await expect(askStream()(bought)).rejects.toThrow('No two agreed.');
  });
  expect(verdicts).toMatchObject([{ kind: 'unchecked', sentence: 'No two agreed.' }]);
});

test('nothing is checked unless asked, and the evidence is told', async () => {
  expect(await verdictsOf({ verify: 'none' }, askStream())).toMatchObject([
    { kind: 'unchecked', sentence: 'Nobody asked for a check.', evidence: { requestId: toHex(ticket.requestId) } },
  ]);
});

test('the bytes of a stream and the head of its response stay as they came', async () => {
  await verdictsOf({}, async ({ buy, gateway }) => {
    const call = { method: 'POST', body: JSON.stringify({ ...question, stream: true }) };
    const headers = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
    const mine = await buy(`${gateway.url}/v1/chat/completions`, { ...call, headers });
    const plain = await fetch(`${gateway.url}/v1/chat/completions`, { ...call, headers });
    expect([mine.url, mine.status]).toEqual([plain.url, plain.status]);
    const head = (response: Response) => [...response.headers].filter(([name]) => name !== 'date');
    expect(head(mine)).toEqual(head(plain));
    const steady = (text: string) => text.replaceAll(/"created":\d+/g, '');
    expect(steady(await mine.text())).toBe(steady(await plain.text()));
  });
});

test('what cannot be read again leaves an answer unchecked', async () => {
  const verdicts = await verdictsOf({}, async ({ buy, gateway }) => {
    const body = new Blob([JSON.stringify(question)]).stream();
    const headers = { 'content-type': 'application/json' };
    const call: RequestInit & { duplex: 'half' } = { method: 'POST', body, headers, duplex: 'half' };
    await (await buy(`${gateway.url}/v1/chat/completions`, call)).text();
  });
  expect(verdicts).toMatchObject([{ kind: 'unchecked', sentence: 'What you sent cannot be compared with what ran.' }]);
});

test('who leaves a stream ends it on the market, and is told that nothing was checked', async () => {
  const verdicts = await verdictsOf({}, async ({ buy, gateway }) => {
    const body = JSON.stringify({ ...question, messages: [{ role: 'user', content: 'wait' }], stream: true });
    const headers = { 'content-type': 'application/json' };
    const response = await buy(`${gateway.url}/v1/chat/completions`, { method: 'POST', body, headers });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(await gateway.cancelled()).toMatchObject({ code: 'ABORTED' });
  });
  expect(verdicts).toEqual([
    { kind: 'unchecked', sentence: 'The answer was left before its end.', evidence: undefined, choices: [] },
  ]);
});

test('a payer wraps every request to the gateway, that for the bundle too', async () => {
  const paths: string[] = [];
  const payer =
    (send: typeof fetch): typeof fetch =>
    (input, init) => {
      paths.push(new URL(String(input)).pathname);
      return send(input, init);
    };
  expect(await verdictsOf({ pay: { payer } }, askWhole())).toMatchObject([held]);
  expect(paths).toEqual(['/v1/chat/completions', `/v1/receipts/${toHex(ticket.requestId)}`]);
});

test('whose signal ends checks that wait', async () => {
  const controller = new AbortController();
  const findBundle = () => controller.abort();
  const verdicts = await verdictsOf({ script: { findBundle }, pay: { signal: controller.signal } }, askWhole());
  expect(verdicts).toMatchObject([{ kind: 'unchecked' }]);
});

test('the key goes to the gateway alone', async () => {
  await verdictsOf({}, async ({ buy, gateway }) => {
    await expect(buy(`${gateway.url}.example/v1/models`)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect((await buy(`${gateway.url}/v1/models`)).status).toBe(200);
  });
});

test('an error of the gateway reaches the client as it is', async () => {
  const verdicts = await verdictsOf({}, async ({ client }) => {
    await expect(client.chat.completions.create({ ...question, model: 'none' })).rejects.toThrow(OpenAI.NotFoundError);
  });
  expect(verdicts).toEqual([]);
});
