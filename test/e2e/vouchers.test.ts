import {
  type AnswerVerdict,
  addressFromBase58,
  chainReader,
  clusterPreset,
  payAndVerify,
  readEscrowTerms,
} from '@karmesh/sdk/client';
import { openEscrow, transactionSigner } from '@karmesh/sdk/program';
import { decodeBundle } from '@karmesh/sdk/protocol';
import { generateKeypair } from '@karmesh/sdk/runtime';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestMarket, type TestMarket } from '../harness/market.ts';

// A buyer with an escrow of its own on chain, without a key and without credit, in a whole market of processes.

let market: TestMarket;
beforeAll(async () => {
  market = await startTestMarket({ workers: 3, validators: 3 }, { signal: AbortSignal.timeout(200_000) });
}, 220_000);
afterAll(() => market?.[Symbol.asyncDispose](), 60_000);

test('M-09, M-10: answers are paid by voucher, and the chain debits what they cost and no more', {
  timeout: 300_000,
}, async () => {
  const signal = AbortSignal.timeout(290_000);
  const { client, gateway, modelName, rpcUrl } = market.running;
  const buyer = generateKeypair();
  await client.connection.requestAirdrop(transactionSigner(buyer).publicKey, 2_000_000_000);
  await market.until(async () => (await client.balance(buyer.publicKey, { signal })) > 0n, { signal });
  const participant = client.addresses.participant(market.folder.gateway.identity.publicKey);
  const amount = 1_000_000_000n;
  const opening = openEscrow(client.addresses, {
    buyer: buyer.publicKey,
    gateway: participant,
    amount,
    authorised: 0n,
  });
  await client.send([opening], { signal, signers: [transactionSigner(buyer)] });
  const reader = chainReader({ rpcUrl, programId: addressFromBase58(clusterPreset('localnet').programId) });
  const terms = await readEscrowTerms(reader, { buyer: buyer.publicKey, gateway: participant, signal });
  expect(terms.counted).toBe(0n);

  const signed: bigint[] = [];
  const verdicts: AnswerVerdict[] = [];
  const fetch = payAndVerify({
    gateway: { url: gateway.url },
    pay: {
      voucher: {
        ...terms,
        signer: buyer,
        maxLamports: 100_000_000n,
        onSigned: (cumulative) => signed.push(cumulative),
      },
    },
    verify: 'quorum',
    chain: { reader, isLocal: true, presets: [market.cluster] },
    onVerified: (verdict) => verdicts.push(verdict),
    signal,
  });
  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', fetch, maxRetries: 0 });
  const ask = (stream: boolean) =>
    openai.chat.completions.create({
      model: modelName,
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      max_tokens: 16,
      temperature: 0,
      stream,
    });
  // The gateway reads the chain every two seconds, and the escrow is new.
  await market.until(async () => (await ask(false).catch(notSeenYet)) !== undefined, { signal });
  for (let asked = 0; asked < 4; asked++) await ask(false);
  const streamed = await ask(true);
  let text = '';
  if (Symbol.asyncIterator in streamed)
    for await (const chunk of streamed) text += chunk.choices[0]?.delta.content ?? '';
  expect(text).not.toBe('');
  await fetch.idle();
  expect(verdicts.map(({ kind }) => kind)).toEqual(Array.from({ length: 6 }, () => 'holds'));

  const requestIds = verdicts.flatMap(({ choices }) => choices.map(({ requestId }) => requestId));
  const prices = verdicts.map(({ evidence }) => BigInt(evidence?.priceLamports ?? '0'));
  const sum = prices.reduce((all, price) => all + price, 0n);
  expect(sum).toBeGreaterThan(0n);
  const greatest = signed.at(-1) ?? 0n;
  // The first voucher was shown before the first answer; entries need more than that.
  expect(sum).toBeGreaterThan(signed[0] ?? 0n);
  // Asked by their order, bundles are for the escrow's buyer, too.
  for (const requestId of requestIds) {
    const { ticket } = decodeBundle(await bundleOf(fetch, `${gateway.url}/v1/receipts/${requestId}`)).entry;
    expect(ticket.value.escrow).toEqual(terms.escrow);
  }
  await market.until(async () => ((await client.escrow(terms.escrow, { signal }))?.cumulativeDebit ?? 0n) >= sum, {
    signal,
  });
  const account = await client.escrow(terms.escrow, { signal });
  expect(account).toMatchObject({ cumulativeDebit: sum, balance: amount - sum });
  expect(account?.authorised).toBeLessThanOrEqual(greatest);
  expect(sum).toBeLessThan(greatest);
});

function notSeenYet(cause: unknown): undefined {
  if (cause instanceof OpenAI.APIError && cause.code === 'escrow_unknown') return undefined;
  throw cause;
}

async function bundleOf(fetch: typeof globalThis.fetch, url: string) {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return (await response.json()) as Parameters<typeof decodeBundle>[0];
}
