import { fileURLToPath } from 'node:url';
import type { Gateway } from '@karmesh/sdk/client';
import { priceLamports } from '@karmesh/sdk/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestMarket, type TestMarket } from '../harness/market.ts';

// A client reads a part of a stream and hangs up, to have it for nothing. Gateway, workers, validator and cluster are processes, and the
// validator draws every stream for an audit.

const WORKERS = 3;
const SLOW = fileURLToPath(new URL('../e2e/slowWorker.ts', import.meta.url));
const BUNDLE_MS = 20_000;
const PROMPT = 'Tell me a story about a fox.';

let market: TestMarket;
beforeAll(async () => {
  market = await startTestMarket(
    {
      workers: WORKERS,
      validators: 1,
      workerScripts: Array.from({ length: WORKERS }, () => SLOW),
      offchain: { auditRateStream: 10_000n },
    },
    { signal: AbortSignal.timeout(170_000) },
  );
}, 180_000);
afterAll(() => market?.[Symbol.asyncDispose](), 60_000);

/** Asks for a stream and closes the connection once that many characters of the answer were read. The request's id, and what was read. */
async function hangUp(
  gateway: Gateway,
  { characters, signal }: { readonly characters: number; readonly signal: AbortSignal },
): Promise<{ readonly requestId: string; readonly text: string }> {
  signal.throwIfAborted();
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${gateway.apiKey}` };
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'tiny-spike',
      messages: [{ role: 'user', content: PROMPT }],
      stream: true,
      temperature: 0,
      max_tokens: 256,
      karmesh: { assurance: 'stream' },
    }),
    signal: AbortSignal.any([signal, leaving.signal]),
  });
  const requestId = response.headers.get('x-request-id');
  if (requestId === null || response.body === null) throw new Error(`The gateway answered with ${response.status}.`);
  let read = '';
  let text = '';
  for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
    read += bytes;
    text = [...read.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)].map(([, json]) => JSON.parse(json ?? '""')).join('');
    if (text.length >= characters) break;
  }
  leaving.abort();
  // The gateway and its workers go on for a moment, until they agree on what is paid for.
  const receipts = `${gateway.url}/v1/receipts/${requestId}`;
  const kept = AbortSignal.timeout(BUNDLE_MS);
  const isKept = await market
    .until(async () => (await fetch(receipts, { headers, signal: kept })).ok, { signal: kept })
    .then(
      () => true,
      () => false,
    );
  // A chunk that crossed the hang-up is in the answer and not in the bill, and then there is no bundle of it.
  return isKept ? { requestId, text } : hangUp(gateway, { characters, signal });
}

test('W-22, M-01: whoever hangs up pays for what was sent, and nobody is paid for more', {
  timeout: 150_000,
}, async () => {
  const signal = AbortSignal.timeout(145_000);
  const { gateway } = market.running;
  const left = [];
  for (const characters of [1, 40]) left.push(await hangUp(gateway, { characters, signal }));
  const settled = await Promise.all(
    left.map(async ({ requestId, text }) => ({ text, ...(await market.final(requestId, { signal })) })),
  );
  const counts: number[] = [];
  for (const { text, verdict, bundle } of settled) {
    // The bundle holds by the entry's rules and by those of its audit, without which no report would credit it.
    expect(verdict.checks.filter(({ holds }) => !holds)).toEqual([]);
    expect([verdict.holds, verdict.pending]).toEqual([true, []]);
    const { evidence, outcome } = bundle.entry;
    const ends = evidence.receipts.map(({ receipt, body }) => [receipt.value.outputTokens, body.finishReason]);
    const [first] = evidence.receipts;
    if (first === undefined) throw new Error('Nobody has a receipt.');
    const { promptTokens, outputTokens } = first.receipt.value;
    counts.push(outputTokens);
    expect(ends.length).toBeGreaterThanOrEqual(2);
    expect(ends).toEqual(ends.map(() => [outputTokens, 'halted']));
    expect(bundle.tokens).toHaveLength(outputTokens);
    expect(text.length).toBeGreaterThan(0);
    const price = priceLamports({
      unitPrice: market.cluster.chain.listPriceLamports,
      activeParameters: bundle.model.activeParameters,
      promptTokens,
      outputTokens,
    });
    expect(outcome.value).toMatchObject({ verdict: 'agreed', price });
    const agreeing = BigInt(ends.length);
    const owed = (price * market.cluster.chain.workerShareBps) / 10_000n / agreeing;
    expect(bundle.report?.credits.map((credit) => credit.owed)).toEqual(ends.map(() => owed));
  }
  const [early = 0, late = 0] = counts;
  expect(early).toBeGreaterThan(0);
  expect(late).toBeGreaterThan(early);
});
