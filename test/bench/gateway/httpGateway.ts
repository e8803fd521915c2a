import { randomBytes } from 'node:crypto';
import { BRONZE, LEAST_BASE_FEE, priceLamports, unitPrice } from '@karmesh/sdk/protocol';
import type { Market, MarketRequest } from '../../../web/gateway/market.ts';
import { promptTokensAtMost } from '../../../web/gateway/scheduler/worstCase.ts';
import { type GatewayParts, serveGateway } from './serveGateway.ts';
import { gatewayAt, model, standingChain } from './standingChain.ts';
import { askUpstream, PIECES, PROMPT_TOKENS } from './upstream.ts';

// The gateway without a market: what it costs to read, check, hold, bill and render, where the upstream's word is believed. There are no workers, no
// signatures and no log of the queue here: nobody runs this, it is the part that a proxy has, too.
const [upstream = '', folder = '', databaseUrl = ''] = process.argv.slice(2);
const NO_BYTES = new Uint8Array(32);
const gateway = gatewayAt(0);
const chain = standingChain(Date.now()).market(gateway);
const price = unitPrice({ listPrice: chain.listPrice(), lane: BRONZE, baseFee: LEAST_BASE_FEE });
const { activeParameters, contextLength } = model.manifest;

async function* ask({ purse }: GatewayParts, request: MarketRequest, signal: AbortSignal): ReturnType<Market['ask']> {
  const { accountId, assurance, keyHash, maxTokens, messages } = request;
  const terms = { unitPrice: price, activeParameters };
  const promptTokens = promptTokensAtMost(messages, contextLength);
  const hold = await purse.reserve({
    key: { keyHash, accountId },
    least: priceLamports({ ...terms, promptTokens, outputTokens: 1 }),
    most: priceLamports({ ...terms, promptTokens, outputTokens: maxTokens }),
  });
  try {
    const requestId = new Uint8Array(randomBytes(32));
    hold.bind({ requestId, unitPrice: price, promptTokens: PROMPT_TOKENS });
    yield { kind: 'accepted', requestId };
    const usageOf = (outputTokens: number) => ({
      outputTokens,
      chainHash: NO_BYTES,
      record: NO_BYTES,
      lamports: priceLamports({ ...terms, promptTokens: PROMPT_TOKENS, outputTokens }),
    });
    const stream = assurance === 'stream';
    let outputTokens = 0;
    for await (const text of askUpstream(upstream, { stream, messages, signal })) {
      outputTokens = stream ? outputTokens + 1 : PIECES.length;
      yield { kind: 'text', text, outputTokens, usage: undefined };
      if (stream) hold.meter(usageOf(outputTokens));
    }
    const usage = usageOf(outputTokens);
    void hold.close({ billed: usage.lamports, settled: usage.lamports, usage });
    yield {
      kind: 'done',
      finishReason: 'stop',
      promptTokens: PROMPT_TOKENS,
      outputTokens,
      summary: {
        requestId,
        assurance,
        epoch: 0n,
        dispatchNumber: 0n,
        priceLamports: usage.lamports,
        lane: request.lane,
        tokensPaidFor: undefined,
        verdict: 'none',
        workers: [],
      },
    };
  } finally {
    hold.release();
  }
}

await serveGateway({ folder, databaseUrl, gateway, hasBuyer: true }, async (parts) => ({
  models: () => [model],
  ask: (request, { signal }) => ask(parts, request, signal),
}));
