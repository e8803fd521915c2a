import {
  type AppParts,
  createApp,
  hashApiKey,
  listen,
  type Market,
  type MarketEvent,
  type MarketModel,
  type MarketRequest,
  readAbilities,
} from '@karmesh/gateway';
import type { RequestId } from '@karmesh/sdk/protocol';
import { health, logger, metrics } from '@karmesh/sdk/runtime';
import { bytes, manifest } from '../../web/gateway/fixtures/tinyModel.ts';

// The gateway's HTTP interface on a real socket, with a market behind it that follows a script; what a real market does is tested where the market is.

export const MODEL = 'org/tiny-1';
export const API_KEY = 'sk-good';
export const ANSWER = 'Paris,\nnaïve 🗼';

const model: MarketModel = {
  modelId: bytes(32, 9),
  manifest: { ...manifest, name: MODEL },
};

type Done = Extract<MarketEvent, { kind: 'done' }>;

const doneOf = ({ assurance, lane }: MarketRequest, requestId: RequestId): Done => ({
  kind: 'done',
  finishReason: 'stop',
  promptTokens: 7,
  outputTokens: 3,
  summary: {
    requestId,
    assurance,
    epoch: 1n,
    dispatchNumber: 2n,
    priceLamports: 5n,
    lane,
    tokensPaidFor: undefined,
    verdict: 'agreed',
    workers: [{ worker: bytes(32, 1), outcome: 'agreed', receiptHash: bytes(32, 4), shown: true }],
  },
});

export interface ScriptedGateway extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  /** What the market was asked, in order. */
  readonly asked: readonly MarketRequest[];
  /** Why the last request to `wait` was cancelled, once it is. */
  cancelled(): Promise<unknown>;
}

export interface ScriptOptions {
  /** `MODEL` unless told. */
  readonly model?: MarketModel;
  /** How an answer ends, by its place among all that were asked, from 0. */
  readonly doneOf?: (place: number) => Done;
  /** What every quote promises; none is taken unless told. */
  readonly offerOf?: () => { readonly lane: number; readonly unitPrice: bigint };
  /** The bundle of any request; none unless told. */
  readonly findBundle?: () => unknown;
  /** What else the gateway has, such as accounts. */
  readonly parts?: Partial<AppParts>;
}

/**
 * A gateway whose model says what follows `say ` in the last message, waits for its cancellation after the first word when asked to `wait`, and says `ANSWER` to anything
 * else. The only key is `API_KEY`.
 */
export async function startScriptedGateway(options: ScriptOptions = {}): Promise<ScriptedGateway> {
  const asked: MarketRequest[] = [];
  const cancelled = Promise.withResolvers<unknown>();
  const market: Market = {
    models: () => [options.model ?? model],
    async *ask(request, { signal }) {
      const place = asked.push(request) - 1;
      const done = options.doneOf?.(place) ?? doneOf(request, bytes(32, place + 1));
      const { requestId } = done.summary;
      yield { kind: 'accepted', requestId };
      const last = request.messages.at(-1)?.content ?? '';
      const words = last.startsWith('say ') ? [...last.slice(4)] : ['Paris,\n', 'naïve 🗼'];
      for (const [before, text] of words.entries()) {
        yield { kind: 'text', text, outputTokens: before + 1, usage: undefined };
        if (last !== 'wait') continue;
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
        cancelled.resolve(signal.reason);
        signal.throwIfAborted();
      }
      yield done;
    },
  };
  const app = createApp({
    maxBodyBytes: 100_000,
    defaultMaxTokens: 64,
    deadlineMs: 20_000,
    abilities: readAbilities([`${MODEL}=tools`, `${MODEL}=json`]),
  })({
    market,
    health: health(),
    metrics: metrics({ processMetrics: false }),
    log: logger({ name: 'gateway', level: 'silent' })(),
    clock: { nowMs: () => Date.now() },
    findKey: async (key) => (key === API_KEY ? { keyHash: hashApiKey(key), accountId: 1n } : undefined),
    findBundle: async () => options.findBundle?.(),
    ...(options.offerOf === undefined ? {} : { offerOf: options.offerOf }),
    ...options.parts,
  });
  const server = await listen({ app, host: '127.0.0.1', port: 0 });
  return {
    url: server.url,
    asked,
    cancelled: () => cancelled.promise,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
