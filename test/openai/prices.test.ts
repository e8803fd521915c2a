import { createApp, hashApiKey, listen, type Market, type MarketRequest } from '@karmesh/gateway';
import {
  addressFromBase58,
  ask,
  askStreaming,
  chainReader,
  type Gateway,
  listPrices,
  type RequestQuoteOptions,
  ROLE,
  requestQuote,
} from '@karmesh/sdk/client';
import { decodeBundle, makeDomain, modelIdOf, quoteRecord, toHex } from '@karmesh/sdk/protocol';
import { generateKeypair, health, logger, metrics, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { quotes } from '../../web/gateway/pricing/quotes.ts';
import { provenBundle } from '../e2e/provenBundle.ts';

// What buyers ask a gateway about prices, over a socket; the chain is that of test/vectors/proven.json, with the key of this gateway in the account of its gateway.

const { answerRpc, file, programId } = provenBundle();
const { cluster, entry, model: manifest } = decodeBundle(file);
const modelId = modelIdOf(manifest);
const gatewayAccount = entry.ticket.value.gateway;
const signer = generateKeypair();
const domain = makeDomain(cluster);
const { signal } = new AbortController();
const reader = chainReader({
  rpcUrl: 'http://127.0.0.1:8899',
  programId: addressFromBase58(programId),
  fetch: async (_, init) => Response.json(answerRpc(JSON.parse(String(init?.body)))),
});

/** The chain, on which this key signs for the gateway since `fromEpoch`. */
function chainWith(identity: Uint8Array, fromEpoch = 0n): NonNullable<RequestQuoteOptions['chain']> {
  return {
    ...reader,
    async participant(address, options) {
      const account = await reader.participant(address, options);
      return account === undefined
        ? undefined
        : { ...account, identity, previousIdentity: generateKeypair().publicKey, identityFromEpoch: fromEpoch };
    },
    slot: async (options) => (await reader.checkCluster(options)).epochZeroSlot,
  };
}

const prices = { listPrice: () => 100_000n, baseFee: () => 1_125 };
const asked: MarketRequest[] = [];
const market: Market = {
  models: () => [{ modelId, manifest }],
  async *ask(request) {
    asked.push(request);
    yield { kind: 'accepted', requestId: entry.ticket.value.requestId };
    yield {
      kind: 'done',
      finishReason: 'stop',
      promptTokens: 1,
      outputTokens: 1,
      summary: {
        requestId: entry.ticket.value.requestId,
        assurance: request.assurance,
        epoch: 1n,
        dispatchNumber: 2n,
        priceLamports: 5n,
        lane: request.lane,
        tokensPaidFor: undefined,
        verdict: 'agreed',
        workers: [],
      },
    };
  },
};

const terms = { baseFeeTarget: 16, baseFeeCeiling: 8_000, baseFeeStepMs: 1_000, quoteMs: 30_000 };

let server: Awaited<ReturnType<typeof listen>>;
let gateway: Gateway;
beforeAll(async () => {
  const app = createApp({ maxBodyBytes: 100_000, defaultMaxTokens: 64, deadlineMs: 20_000 })({
    market,
    health: health(),
    metrics: metrics({ processMetrics: false }),
    log: logger({ name: 'gateway', level: 'silent' })(),
    clock: { nowMs: () => Date.now() },
    findKey: async (key) => (key === 'sk-good' ? { keyHash: hashApiKey(key), accountId: 1n } : undefined),
    findBundle: async () => undefined,
    offerOf: () => ({ lane: 1, unitPrice: 7n }),
    pricing: {
      ...prices,
      terms,
      waitingByLane: () => [0, 0, 0, 0, 3, 17],
      quotes: quotes({ validMs: 30_000, toleranceMs: 500, maxUses: 100 })({
        ...prices,
        domain,
        gateway: gatewayAccount,
        signer,
        verify: nativeVerifySignature,
        clock: { nowMs: () => 10_000 },
        identityOf: () => signer.publicKey,
      }),
    },
  });
  server = await listen({ app, host: '127.0.0.1', port: 0 });
  gateway = { url: server.url, apiKey: 'sk-good' };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

test('L-07: everybody reads what lanes cost', async () => {
  const { lanes, models, ...rest } = await listPrices({ url: server.url });
  expect(rest).toEqual({ listPrice: 100_000n, baseFeeThousandths: 1_125, ...terms });
  expect(lanes[0]).toEqual({ lane: 'master', priceTenths: 80, weight: 32, unitPrice: 900_000n, waiting: 0 });
  expect(lanes.map(({ waiting }) => waiting)).toEqual([0, 0, 0, 0, 3, 17]);
  expect(models).toMatchObject([{ model: manifest.name, modelId: toHex(modelId) }]);
  expect(models[0]?.outputLamports.bronze).toBe(368_900n);
});

/** Sends what the gateway answers through `change`. */
const changed =
  (change: (body: Record<string, unknown>) => unknown): typeof fetch =>
  async (url, init) =>
    Response.json(change((await (await fetch(url, init)).json()) as Record<string, unknown>));

test('refuses prices in another form', async () => {
  const broken = { url: server.url, fetch: changed((body) => ({ ...body, listPrice: -1 })) };
  await expect(listPrices(broken)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
});

const wanted = { model: manifest.name, lane: 'gold', signal } as const;

test('L-08: a quote is held against the gateway’s key on the chain', async () => {
  const offer = await requestQuote(gateway, { ...wanted, chain: chainWith(signer.publicKey) });
  expect(offer).toMatchObject({ model: manifest.name, lane: 'gold', unitPrice: 225_000n, expiresAtMs: 40_000 });
  expect([offer.isChecked, offer.signed.value.gateway]).toEqual([true, gatewayAccount]);
  expect(quoteRecord.hash(domain, offer.signed.value)).toHaveLength(32);
  expect((await requestQuote(gateway, wanted)).isChecked).toBe(false);
});

test.each<[string, RequestQuoteOptions['chain']]>([
  ['another key', chainWith(generateKeypair().publicKey)],
  ['a key of a later epoch', chainWith(signer.publicKey, 1n)],
  ['no gateway', { ...chainWith(signer.publicKey), participant: async () => undefined }],
  [
    'a worker',
    {
      ...chainWith(signer.publicKey),
      async participant(address, options) {
        const account = await chainWith(signer.publicKey).participant(address, options);
        return account === undefined ? undefined : { ...account, role: ROLE.worker };
      },
    },
  ],
])('L-08: a quote by %s is refused', async (_name, chain) => {
  await expect(requestQuote(gateway, { ...wanted, ...(chain === undefined ? {} : { chain }) })).rejects.toMatchObject({
    code: 'PROTOCOL_VIOLATION',
    message: 'The gateway did not sign its quote.',
    facts: { rule: 'L-08' },
  });
});

test.each<[string, (body: Record<string, unknown>) => unknown, string]>([
  [
    'another price',
    (body) => ({ ...body, unitPrice: '1' }),
    'The gateway signed another offer than the one that it told.',
  ],
  [
    'a longer time',
    (body) => ({ ...body, expiresAtMs: 1e9 }),
    'The gateway signed another offer than the one that it told.',
  ],
  ['bytes that are no quote', (body) => ({ ...body, quote: 'abcd' }), 'The gateway’s quote cannot be read.'],
  ['another form', () => ({}), 'The gateway’s quote is in another form.'],
])('L-08: refuses a quote that tells %s', async (_name, change, message) => {
  const lying = { ...gateway, fetch: changed(change) };
  await expect(requestQuote(lying, wanted)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION', message });
});

test('a refusal has the gateway’s sentence', async () => {
  await expect(requestQuote({ ...gateway, apiKey: 'sk-bad' }, wanted)).rejects.toMatchObject({
    code: 'GATEWAY_REFUSED',
    message: 'Incorrect API key provided.',
  });
});

test('questions wait in the lane, and are sold at the quote, that they name', async () => {
  const question = { model: manifest.name, prompt: 'Hi' };
  expect((await ask(gateway, { ...question, lane: 'silver' })).evidence.lane).toBe('silver');
  await ask(gateway, { ...question, quote: 'abcd' });
  const streamed = { ...question, assurance: 'stream', signal } as const;
  for await (const event of askStreaming(gateway, { ...streamed, lane: 'gold' })) expect(event.kind).toBe('done');
  for await (const event of askStreaming(gateway, { ...streamed, quote: 'ab' })) expect(event.kind).toBe('done');
  expect(asked.map(({ lane, unitPrice }) => [lane, unitPrice])).toEqual([
    [4, undefined],
    [1, 7n],
    [3, undefined],
    [1, 7n],
  ]);
});
