import { encode, priceLamports, type Signed, signedCodec, type Usage, usageRecord } from '@karmesh/sdk/protocol';
import type { Usage as Metered } from '../payments/charges.ts';
import type { Hold } from '../payments/purse.ts';
import { type Delivered, NOTHING_DELIVERED } from '../store/entries.ts';

/** How a request ended on the market: what its entry takes from the escrow, and what was counted; undefined where it has no entry. */
export type Settled = { readonly price: bigint; readonly promptTokens: number };

export type Extent = 'all' | 'delivered' | 'prompt' | 'nothing';

export type Bill = {
  readonly requestId: Uint8Array;
  /** The reader has taken text up to here. */
  delivered(usage: Signed<Usage>): void;
  /** What was delivered so far, if anything was. */
  readonly last: Delivered | undefined;
  /** What `end` would bill now, in lamports. */
  owed(settled: Settled | undefined, extent: Extent): bigint;
  /**
   * The request is over, and its buyer owes the price, or what was delivered and the prompt at least, or the prompt alone though nothing came of it,
   * or nothing; the gateway bears what the market takes beyond that. Resolves once that is in the ledger.
   */
  end(settled: Settled | undefined, extent: Extent): Promise<void>;
};

const signedUsage = signedCodec(usageRecord);

/** What a buyer owes for one request: what was delivered as it is delivered (F-23), and the price once it has the whole answer. */
export function billOf(
  hold: Hold,
  request: {
    readonly requestId: Uint8Array;
    readonly unitPrice: bigint;
    readonly activeParameters: bigint;
    readonly priceCap: bigint;
    /** Of a prompt that nobody has counted. */
    readonly promptTokens: number;
  },
): Bill {
  const { activeParameters, priceCap, requestId, unitPrice } = request;
  let last: Metered | undefined;
  /** What a worker has signed that it read, or a guess as long as none has. */
  let { promptTokens: promptKnown } = request;
  let isOver = false;

  const bind = (promptTokens: number): void => {
    if (last === undefined) hold.bind({ requestId, unitPrice, promptTokens });
  };

  const promptPrice = (promptTokens: number): bigint => {
    const price = priceLamports({ unitPrice, activeParameters, promptTokens, outputTokens: 0 });
    return price < priceCap ? price : priceCap;
  };

  const owed: Bill['owed'] = (settled, extent) => {
    const price = settled?.price ?? 0n;
    const prompt = promptPrice(settled?.promptTokens || promptKnown);
    const taken = last?.lamports ?? 0n;
    const least = taken > prompt ? taken : prompt;
    // Where no two workers agreed there is no price, whatever was shown.
    const delivered = least < price ? least : price;
    return { all: price, delivered, prompt, nothing: 0n }[extent];
  };

  return {
    requestId,
    get last() {
      return last;
    },
    owed,
    delivered({ value, signature }) {
      // A reader may go on for a moment after its request was billed, when the gateway stops.
      if (isOver) return;
      bind(value.promptTokens);
      promptKnown = value.promptTokens;
      const price = priceLamports({ unitPrice, activeParameters, ...value });
      last = {
        outputTokens: value.outputTokens,
        chainHash: value.outputChain,
        record: encode(signedUsage, { value, signature }),
        lamports: price < priceCap ? price : priceCap,
      };
      hold.meter(last);
    },
    async end(settled, extent) {
      isOver = true;
      const price = settled?.price ?? 0n;
      const billed = owed(settled, extent);
      if (billed === 0n && price === 0n && last === undefined) return hold.release();
      bind(settled?.promptTokens || promptKnown);
      await hold.close({ billed, settled: price, usage: last ?? { ...NOTHING_DELIVERED, lamports: 0n } });
    },
  };
}
