import {
  agreeingReceipts,
  BRONZE,
  type Bundle,
  type BundleCheck,
  type ChatMessage,
  decode,
  fromHex,
  laneNumber,
  makeDomain,
  quoteRecord,
  receiptRecord,
  signedCodec,
  toHex,
} from '../protocol/index.ts';
import type { AnswerEvidence } from './answerEvidence.ts';
import type { AskedRequest } from './askedRequest.ts';

/** The evidence of one choice of an answer. */
export type ChoiceEvidence = Omit<AnswerEvidence, 'all'>;

/**
 * Holds the bundle of a choice against what its buyer asked and what the answer said of itself: a bundle may be perfectly good and be the one of another request. What the
 * text says is not among it: that takes the model's tokenizer.
 */
export function answerChecks(
  bundle: Bundle,
  told: {
    readonly evidence: ChoiceEvidence;
    readonly asked: AskedRequest;
    /** By index. */
    readonly choice: number;
  },
): readonly BundleCheck[] {
  const { asked, choice, evidence } = told;
  const ticket = bundle.entry.ticket.value;
  const domain = makeDomain(bundle.cluster);
  const requestId = toHex(ticket.requestId);
  const agreeing = agreeingReceipts(bundle.entry).map(({ receipt }) =>
    toHex(receiptRecord.hash(domain, receipt.value)),
  );
  const named = evidence.receipts.filter(({ outcome }) => outcome === 'agreed');
  return [
    check('B-03', 'the bundle is of the request that was answered', requestId === evidence.requestId, { requestId }),
    ...askedChecks(bundle, asked, choice),
    check(
      'Q-01',
      'the workers that agree are those that the answer named',
      sameTexts(
        agreeing,
        named.map(({ receiptHash }) => receiptHash ?? ''),
      ),
      { agreeing: agreeing.length, named: named.length },
    ),
    check(
      'Q-01',
      'the text that was shown is of a worker that agrees',
      named.some(({ shown }) => shown),
    ),
    check(
      'M-01',
      'the price is the one that the answer named',
      bundle.entry.outcome.value.price === BigInt(evidence.priceLamports),
      { signed: bundle.entry.outcome.value.price, named: evidence.priceLamports },
    ),
  ];
}

function askedChecks({ entry, model, request }: Bundle, asked: AskedRequest, choice: number): readonly BundleCheck[] {
  const ticket = entry.ticket.value;
  const words = asked.conversations[choice];
  const isLimited = asked.maxTokens === undefined || request.maxTokens <= asked.maxTokens;
  return [
    check('B-03', 'the model is the one that you named', model.name === asked.model, { model: model.name }),
    ...(words === undefined
      ? []
      : [check('B-03', 'the workers read the words that you sent', sameWords(request.messages, words))]),
    check(
      'B-03',
      'the workers ran it as you asked',
      isLimited &&
        request.assurance === asked.assurance &&
        request.temperatureMicro === asked.temperatureMicro &&
        sameTexts(request.stops, asked.stops),
      { assurance: request.assurance, maxTokens: request.maxTokens, temperatureMicro: request.temperatureMicro },
    ),
    asked.quote === undefined
      ? check(
          'L-01',
          'it waited in the lane that you named',
          ticket.lane === (asked.lane === undefined ? BRONZE : laneNumber(asked.lane)),
          { lane: ticket.lane },
        )
      : check('L-08', 'it was sold at the price of your quote', keepsQuote(ticket, asked.quote), {
          unitPrice: ticket.unitPrice,
        }),
  ];
}

function keepsQuote(ticket: Bundle['entry']['ticket']['value'], quote: string): boolean {
  const { value } = decode(signedCodec(quoteRecord), fromHex(quote));
  return ticket.lane === value.lane && ticket.unitPrice === value.unitPrice;
}

function check(rule: string, what: string, holds: boolean, facts: BundleCheck['facts'] = {}): BundleCheck {
  return { rule, what, holds, facts: holds ? {} : facts };
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  const sorted = [...other].sort();
  return one.length === other.length && [...one].sort().every((text, i) => text === sorted[i]);
}

function sameWords(one: readonly ChatMessage[], other: readonly ChatMessage[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ content, role }, i) => role === other[i]?.role && content === other[i]?.content)
  );
}
