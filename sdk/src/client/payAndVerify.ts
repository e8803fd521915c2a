import type { Clock } from '../clock.ts';
import { KarmeshError } from '../errors.ts';
import { type AskedRequest, readAsked } from './askedRequest.ts';
import { passedOn } from './passedOn.ts';
import { readTold, type Told } from './readTold.ts';
import { type AnswerVerdict, type VerifyChain, type VerifyLevel, verifyAnswer } from './verifyAnswer.ts';
import { type VoucherPayment, voucherPayer } from './voucherPayer.ts';
import { type WatchedBody, watchBody } from './watchBody.ts';

type Fetch = typeof globalThis.fetch;

/** Adds to requests what pays for them, and answers a demand for payment: `(send) => wrapFetchWithPayment(send, …)` of x402 is one. Called for each request. */
export type Payer = (send: Fetch) => Fetch;

export type PayAndVerifyOptions = {
  readonly gateway: {
    /** Its address without a slash at the end, `http://127.0.0.1:8787`. The key goes nowhere else. */
    readonly url: string;
    /** Put in place of the key that the client sends; the client's own unless told. */
    readonly apiKey?: string;
    /** Another way to send requests than the global `fetch`. */
    readonly fetch?: Fetch;
  };
  readonly payer?: Payer;
  /** What pays in place of a key: vouchers over an escrow of one's own; not beside `payer`. */
  readonly pay?: { readonly voucher: VoucherPayment };
  /** Told of every answer once it is checked, and of every one that broke off. What it throws is nobody's to catch. */
  readonly onVerified?: (verdict: AnswerVerdict) => void;
  /** Ends the checks that are under way. */
  readonly signal?: AbortSignal;
  /** How long to wait for what a check needs, in milliseconds; half a minute for `quorum`, an hour for `final` unless told. */
  readonly withinMs?: number;
  readonly clock?: Clock;
} & (
  | { readonly verify?: 'none'; readonly chain?: undefined }
  | { readonly verify: Exclude<VerifyLevel, 'none'>; readonly chain: VerifyChain }
);

/** A `fetch` for `new OpenAI({ fetch })` and whatever else speaks OpenAI's API. */
export type VerifyingFetch = Fetch & {
  /** Resolves when no check is under way. */
  idle(): Promise<void>;
};

/** Where x402 has a request's payment. */
const PAYMENT = 'payment-signature';
const ANSWER_PATHS: ReadonlySet<string> = new Set(['/v1/chat/completions', '/v1/completions']);

/**
 * Sends requests to a gateway with what pays for them, and checks the evidence of every answer behind the client's back: what the client gets is what the gateway sent, piece
 * by piece, and `onVerified` says what was found. Throws `BAD_ARGUMENT` for a request to anybody but the gateway.
 */
export function payAndVerify(options: PayAndVerifyOptions): VerifyingFetch {
  const { gateway, onVerified } = options;
  const send: Fetch = gateway.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const { voucher } = options.pay ?? {};
  const payer = voucher === undefined ? options.payer : voucherPayer({ ...voucher, url: gateway.url });
  const paidBy = (sending: Fetch): Fetch => payer?.(sending) ?? sending;
  const pay = paidBy(send);
  const running = new Set<Promise<void>>();

  const check = async (answer: SeenAnswer): Promise<void> => onVerified?.(await verdictOf(answer, options));

  const fetch: Fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (!url.startsWith(`${gateway.url}/`))
      throw new KarmeshError('BAD_ARGUMENT', 'This client pays one gateway, and asks another address.', {
        gateway: gateway.url,
      });
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    if (gateway.apiKey !== undefined) headers.set('authorization', `Bearer ${gateway.apiKey}`);
    const isAnswer = ANSWER_PATHS.has(url.slice(gateway.url.length));
    if (!isAnswer || onVerified === undefined) return pay(input, { ...init, headers });
    const asked = await askedOf(input, init, headers);
    let payment: string | null = null;
    const seen: Fetch = (address, call) => {
      const sent = call?.headers ?? (address instanceof Request ? address.headers : undefined);
      payment = new Headers(sent).get(PAYMENT) ?? payment;
      return send(address, call);
    };
    const response = await paidBy(seen)(input, { ...init, headers });
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok || response.body === null) return response;
    const watched = watchBody(response.body);
    // The key, or the payment of x402, that the answer was asked with.
    const shown = { authorization: headers.get('authorization'), [PAYMENT]: payment };
    const fetchBundle: Fetch = (address, call) => pay(address, { ...call, headers: withHeaders(call, shown) });
    const checked = check({ watched, type, asked, fetch: fetchBundle });
    running.add(checked);
    // Whoever waits in `idle` is told of a failure, and nobody else swallows it.
    checked.finally(() => running.delete(checked));
    return passedOn(response, watched.body);
  };
  return Object.assign(fetch, {
    idle: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  });
}

type SeenAnswer = {
  readonly watched: WatchedBody;
  readonly type: string;
  readonly asked: AskedRequest | undefined;
  readonly fetch: Fetch;
};

async function verdictOf(answer: SeenAnswer, options: PayAndVerifyOptions): Promise<AnswerVerdict> {
  const { asked, fetch, type, watched } = answer;
  const { clock, gateway, signal = new AbortController().signal, withinMs } = options;
  let told: Told;
  try {
    told = await readTold(watched.copy, type);
  } catch (cause) {
    if (watched.isLeft()) return LEFT;
    // What ends a body early is no fault of ours, whatever the platform throws for it.
    const sentence = cause instanceof KarmeshError ? cause.message : 'The answer broke off.';
    const isFalse = cause instanceof KarmeshError && cause.code === 'PROTOCOL_VIOLATION';
    return { kind: isFalse ? 'false' : 'unchecked', ...(isFalse ? { rule: 'B-03' } : {}), sentence, ...NO_CHOICES };
  }
  if (!told.isDone && told.evidence === undefined && watched.isLeft()) return LEFT;
  if (options.chain === undefined)
    return { kind: 'unchecked', sentence: 'Nobody asked for a check.', ...NO_CHOICES, evidence: told.evidence };
  return verifyAnswer(
    { url: gateway.url, fetch },
    {
      told,
      asked,
      level: options.verify,
      chain: options.chain,
      signal,
      ...(withinMs === undefined ? {} : { withinMs }),
      ...(clock === undefined ? {} : { clock }),
    },
  );
}

const NO_CHOICES = { evidence: undefined, choices: [] } as const;
const LEFT: AnswerVerdict = { kind: 'unchecked', sentence: 'The answer was left before its end.', ...NO_CHOICES };

async function askedOf(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
  headers: Headers,
): Promise<AskedRequest | undefined> {
  // A stream can be read once, by who sends it.
  if (init?.body instanceof ReadableStream) return undefined;
  const request = init?.body == null && input instanceof Request ? input.clone() : new Response(init?.body);
  return readAsked(await request.text(), headers.get('x-karmesh-assurance'));
}

function withHeaders(call: RequestInit | undefined, more: Readonly<Record<string, string | null>>): Headers {
  const headers = new Headers(call?.headers);
  for (const [name, value] of Object.entries(more)) if (value !== null) headers.set(name, value);
  return headers;
}
