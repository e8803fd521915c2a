import { systemClock } from '../clock.ts';
import { KarmeshError } from '../errors.ts';
import { toBase58 } from '../program/address.ts';
import { equalBytes, fromHex, orderedRequestHash, type Participant, toHex } from '../protocol/index.ts';
import { countedAnswer, type EndPlace, orderedPath, orderHex, voucherCount } from './voucherCount.ts';
import type { VoucherPayment } from './voucherPayer.ts';

type Fetch = typeof globalThis.fetch;

/** What a gateway offers to be paid with, in the shape of x402 v2, as far as this scheme reads it. */
export interface UptoOffer {
  readonly scheme: string;
  /** The most that the request may cost, in lamports. */
  readonly amount: string;
  /** The gateway's account, base58. */
  readonly payTo: string;
  /** `domain` and `requestHash`: the market (section 1 of the protocol) and the request (F-35), in hexadecimal. */
  readonly extra: Record<string, unknown>;
}

/** For `new x402Client().register(network, …)` of x402. */
export interface UptoScheme {
  readonly scheme: 'upto';
  /**
   * An order and a voucher over what was counted and this offer's amount.
   *
   * @throws KarmeshError `VOUCHER_EXCESSIVE` for more than a request may cost, `BAD_ARGUMENT` for an offer of another gateway or market, or of a
   * request that was not sent through `watch`.
   */
  createPaymentPayload(
    x402Version: number,
    offer: UptoOffer,
  ): Promise<{ readonly x402Version: number; readonly payload: Record<string, unknown> }>;
  /**
   * Has to stand below x402's `wrapFetchWithPayment`: x402 shows a scheme neither the request, which the order is of, nor the answer, which says
   * what it cost. What is fetched from the gateway gets an order, so that bundles can be read.
   */
  watch(send: Fetch): Fetch;
}

type Place = { readonly end: EndPlace; readonly most: bigint };

/** Pays by x402's scheme `upto` from an escrow of one's own: the most is signed before the answer, and its entry's price is what is debited. */
export function uptoScheme(
  options: VoucherPayment & {
    /** The gateway's address without a slash at the end. */
    readonly url: string;
    readonly gateway: Participant;
  },
): UptoScheme {
  const { clock = systemClock, domain, escrow, gateway, maxLamports, signer, url } = options;
  const count = voucherCount(options);
  /** Requests that were refused without a payment, by their hash. */
  const unpaid = new Map<string, OrderedContent[]>();
  /** Requests that a payload was made for, by their order. */
  const places = new Map<string, Place>();
  const atMs = (): bigint => BigInt(clock.nowMs());

  /** The request of an offer, once for each time that it was refused. */
  const takeAsked = (requestHash: unknown): OrderedContent | undefined => {
    if (typeof requestHash !== 'string') return undefined;
    const [asked, ...others] = unpaid.get(requestHash) ?? [];
    if (others.length === 0) unpaid.delete(requestHash);
    else unpaid.set(requestHash, others);
    return asked;
  };

  return {
    scheme: 'upto',
    async createPaymentPayload(x402Version, { amount, extra, payTo, scheme }) {
      const asked = takeAsked(extra.requestHash);
      if (asked === undefined)
        throw new KarmeshError('BAD_ARGUMENT', 'This offer is of no request that was sent through this scheme.', {});
      if (scheme !== 'upto' || payTo !== toBase58(gateway) || !isHexOf(extra.domain, domain))
        throw new KarmeshError('BAD_ARGUMENT', 'This offer is of another gateway or market than the escrow.', {
          payTo,
        });
      const most = /^\d{1,19}$/.test(amount) ? BigInt(amount) : undefined;
      if (most === undefined || most > maxLamports)
        throw new KarmeshError('VOUCHER_EXCESSIVE', 'The gateway asks for more than this buyer’s requests may cost.', {
          needed: most ?? amount,
          maxLamports,
        });
      const end = count.begin(most);
      count.sign(count.most());
      const order = orderHex({ domain, signer, escrow, ...asked, atMs: atMs() });
      places.set(order, { end, most });
      return { x402Version, payload: { order, voucher: count.voucher() } };
    },
    watch: (send) => async (input, init) => {
      const request = new Request(input, init);
      const { method, signal } = request;
      const asked = input instanceof Request ? input.url : String(input);
      const headers = new Headers(request.headers);
      const body = new Uint8Array(await request.arrayBuffer());
      const content = { method, path: orderedPath(url, asked), body };
      const sendOnce = (): Promise<Response> =>
        send(asked, { method, headers, signal, ...(method === 'GET' ? {} : { body }) });
      if (method !== 'POST') {
        headers.delete('authorization');
        headers.set('x-karmesh-order', orderHex({ domain, signer, escrow, ...content, atMs: atMs() }));
        return sendOnce();
      }
      const order = orderOf(headers.get('payment-signature'));
      const place = order === undefined ? undefined : places.get(order);
      if (order === undefined || place === undefined) {
        const response = await sendOnce();
        const name = toHex(orderedRequestHash(content));
        if (response.status === 402) unpaid.set(name, [...(unpaid.get(name) ?? []), content]);
        return response;
      }
      places.delete(order);
      try {
        return countedAnswer(await sendOnce(), place);
      } catch (cause) {
        place.end(place.most);
        throw cause;
      }
    },
  };
}

type OrderedContent = { readonly method: string; readonly path: string; readonly body: Uint8Array };

function isHexOf(value: unknown, bytes: Uint8Array): boolean {
  return typeof value === 'string' && value.length === 2 * bytes.length && equalBytes(fromHex(value), bytes);
}

/** The order in a payment that x402's client wrote; undefined for another one. */
function orderOf(header: string | null): string | undefined {
  if (header === null) return undefined;
  const { payload } = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(header), (char) => char.charCodeAt(0))));
  return typeof payload?.order === 'string' ? payload.order : undefined;
}
