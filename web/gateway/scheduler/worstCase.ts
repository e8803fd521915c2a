import { type ChatMessage, priceLamports } from '@karmesh/sdk/protocol';

/** What a request is sold for: M-01's unit price, and the model's size. */
type Terms = { readonly unitPrice: bigint; readonly activeParameters: bigint };

/** Tokens that a model's template may put around a message, and around all of them. */
const TEMPLATE_TOKENS_PER_MESSAGE = 32;
const TEMPLATE_TOKENS = 96;

/**
 * How many tokens a conversation can have at most, before a worker has counted them: no tokenizer of today makes more than one token of a
 * byte, and none takes a prompt that is longer than its context. No worker is believed that counts more in a stream; in other modes the
 * ticket's cap would keep the price of a longer template down.
 */
export function promptTokensAtMost(messages: readonly ChatMessage[], contextLength: number): number {
  const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content, 'utf8'), 0);
  return Math.min(contextLength, bytes + messages.length * TEMPLATE_TOKENS_PER_MESSAGE + TEMPLATE_TOKENS);
}

/** How long a prompt is where nobody has counted it: a token of four bytes, as usual tokenizers make of usual text. */
export function promptTokensGuessed(messages: readonly ChatMessage[]): number {
  return Math.floor(messages.reduce((sum, { content }) => sum + Buffer.byteLength(content, 'utf8'), 0) / 4);
}

/** How many tokens requests may use together, the prompts by their bytes. */
export function tokensAsked(
  requests: readonly { readonly messages: readonly ChatMessage[]; readonly maxTokens: number }[],
): number {
  return requests.reduce((sum, { maxTokens, messages }) => sum + maxTokens + promptTokensGuessed(messages), 0);
}

/** The greatest number of output tokens, up to `maxTokens`, whose price (M-01) is within `lamports`; 0 if not even one is. */
export function tokensWithin(
  lamports: bigint,
  asked: Terms & { readonly promptTokens: number; readonly maxTokens: number },
): number {
  const { activeParameters, maxTokens, promptTokens, unitPrice } = asked;
  const priceOf = (outputTokens: number): bigint =>
    priceLamports({ unitPrice, activeParameters, promptTokens, outputTokens });
  if (priceOf(maxTokens) <= lamports) return maxTokens;
  let [within, beyond] = [0, maxTokens];
  while (beyond - within > 1) {
    const middle = Math.floor((within + beyond) / 2);
    if (priceOf(middle) <= lamports) within = middle;
    else beyond = middle;
  }
  return within;
}
