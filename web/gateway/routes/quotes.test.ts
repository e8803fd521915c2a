import {
  checkRecord,
  decode,
  fromHex,
  makeDomain,
  modelIdOf,
  quoteRecord,
  signedCodec,
  toHex,
} from '@karmesh/sdk/protocol';
import { generateKeypair, nativeVerifySignature } from '@karmesh/sdk/runtime';
import { expect, test } from 'vitest';
import { toApiError } from '../openai/apiError.ts';
import { quotes } from '../pricing/quotes.ts';
import { hashApiKey } from '../store/apiKeys.ts';
import { quoteRoutes } from './quotes.ts';

const bytes = (fill: number) => new Uint8Array(32).fill(fill);
const manifest = {
  name: 'tiny',
  fileHash: bytes(1),
  fileBytes: 1000n,
  architecture: 'llama',
  quantisation: 'Q8_0',
  tokenizerHash: bytes(2),
  templateHash: bytes(3),
  totalParameters: 3_000_000n,
  activeParameters: 3_000_000n,
  contextLength: 512,
  vocabulary: 32_000,
  licence: 'Apache-2.0',
};
const modelId = modelIdOf(manifest);
const domain = makeDomain({ genesisHash: bytes(4), programId: bytes(5) });
const signer = generateKeypair();
const prices = { listPrice: () => 100_000n, baseFee: () => 1_125 };
const terms = { baseFeeTarget: 16, baseFeeCeiling: 8_000, baseFeeStepMs: 1_000, quoteMs: 30_000 };
const routes = quoteRoutes({
  ...prices,
  terms,
  waitingByLane: () => [0, 0, 0, 0, 3, 17],
  market: { models: () => [{ modelId, manifest }] },
  quotes: quotes({ validMs: 30_000, toleranceMs: 500, maxUses: 8 })({
    ...prices,
    domain,
    gateway: bytes(7),
    signer,
    verify: nativeVerifySignature,
    clock: { nowMs: () => 10_000 },
    identityOf: () => signer.publicKey,
  }),
  clock: { nowMs: () => 10_000 },
  findKey: async (key) =>
    /^sk-(?:good|other|eager)$/.test(key) ? { keyHash: hashApiKey(key), accountId: 1n } : undefined,
});
// As the app tells an error.
routes.onError((cause, context) => {
  const error = toApiError(cause);
  return context.json(error.body, error.status as 400, { ...error.headers });
});

const ask = (body: unknown, key = 'sk-good') =>
  routes.request('/v1/quotes', {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });

test('L-07: everybody may read what each lane costs now', async () => {
  const response = await routes.request('/v1/prices');
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(await response.json()).toEqual({
    listPrice: '100000',
    baseFeeThousandths: 1_125,
    ...terms,
    lanes: [
      { lane: 'master', priceTenths: 80, weight: 32, unitPrice: '900000', waiting: 0 },
      { lane: 'diamond', priceTenths: 50, weight: 16, unitPrice: '562500', waiting: 0 },
      { lane: 'platinum', priceTenths: 30, weight: 8, unitPrice: '337500', waiting: 0 },
      { lane: 'gold', priceTenths: 20, weight: 4, unitPrice: '225000', waiting: 0 },
      { lane: 'silver', priceTenths: 14, weight: 2, unitPrice: '157500', waiting: 3 },
      { lane: 'bronze', priceTenths: 10, weight: 1, unitPrice: '112500', waiting: 17 },
    ],
    models: [
      {
        model: 'tiny',
        modelId: toHex(modelId),
        activeParameters: '3000000',
        outputLamports: {
          master: '2700000',
          diamond: '1687500',
          platinum: '1012500',
          gold: '675000',
          silver: '472500',
          bronze: '337500',
        },
      },
    ],
  });
});

test('L-08: who has a key gets a price that the gateway has signed', async () => {
  const response = await ask({ model: 'tiny', lane: 'silver' });
  const body = (await response.json()) as { readonly quote: string };
  expect([response.status, body]).toEqual([
    201,
    {
      object: 'quote',
      model: 'tiny',
      lane: 'silver',
      unitPrice: '157500',
      baseFeeThousandths: 1_125,
      expiresAtMs: 40_000,
      quote: expect.any(String),
    },
  ]);
  const signed = decode(signedCodec(quoteRecord), fromHex(body.quote));
  expect(signed.value).toMatchObject({ modelId, lane: 4, unitPrice: 157_500n, expiresAtMs: 40_000n });
  expect(checkRecord(quoteRecord, { domain, identity: signer.publicKey }, signed)).toBe(true);
});

test.each([
  [{ model: 'tiny', lane: 'silver' }, 'sk-bad', 401, null],
  [{ model: 'other', lane: 'silver' }, 'sk-good', 404, 'model'],
  [{ model: 'tiny', lane: 'iron' }, 'sk-good', 400, 'lane'],
  [{ model: 'tiny' }, 'sk-good', 400, 'lane'],
  [{ model: 'tiny', lane: 'silver', until: 'ever' }, 'sk-good', 400, null],
  [{ model: 'x'.repeat(5_000), lane: 'silver' }, 'sk-good', 413, null],
])('%j with %s gets %d', async (body, key, status, param) => {
  const response = await ask(body, key);
  expect([response.status, await response.json()]).toEqual([
    status,
    { error: expect.objectContaining({ param, message: expect.stringMatching(/./) }) },
  ]);
});

test('a key may ask for so many quotes a minute, and then waits; others do not', async () => {
  const wanted = { model: 'tiny', lane: 'gold' };
  for (let left = 29; left >= 0; left--) {
    const { headers, status } = await ask(wanted, 'sk-eager');
    expect([status, headers.get('x-ratelimit-remaining-requests')]).toEqual([201, `${left}`]);
  }
  const refused = await ask(wanted, 'sk-eager');
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
    429,
    '2',
    { error: { code: 'rate_limit_exceeded', message: 'Rate limit reached for this API key: 30 requests in 1m0s.' } },
  ]);
  expect((await ask(wanted, 'sk-other')).status).toBe(201);
});
