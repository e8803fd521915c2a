import { type Clock, systemClock } from '../clock.ts';
import { KarmeshError } from '../errors.ts';
import type { Domain, EscrowAddress } from '../protocol/index.ts';
import type { Signer } from '../signer.ts';
import { countedAnswer, orderedPath, orderHex, voucherCount } from './voucherCount.ts';

type Fetch = typeof globalThis.fetch;

/** An escrow that pays for requests, and what its buyer allows. `readEscrowTerms` finds the first three on the chain. */
export interface VoucherPayment {
  readonly domain: Domain;
  readonly escrow: EscrowAddress;
  /**
   * Lamports up to which the escrow may have been debited, or been signed for, before: the greatest that `onSigned` was told in an earlier run, at least
   * what the chain says.
   */
  readonly counted: bigint;
  /** The escrow's buyer. */
  readonly signer: Signer;
  /** What one request, with all its choices, may cost at most, in lamports. */
  readonly maxLamports: bigint;
  /** Told of every voucher before it is sent. Who keeps the greatest goes on from there. */
  readonly onSigned?: (cumulative: bigint) => void;
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/** Others that ask at the same time may each time have been faster. */
const MAX_ASKS = 16;

/**
 * Pays a gateway from an escrow of one's own: puts an order (M-08) on every request, and signs a voucher when the gateway says what it needs (M-09). It signs no
 * more than what answers cost so far and what those under way may cost at most. A gateway that asks for more gets nothing, and the request throws
 * `VOUCHER_EXCESSIVE`.
 */
export function voucherPayer(options: VoucherPayment & { readonly url: string }): (send: Fetch) => Fetch {
  const { clock = systemClock, domain, escrow, maxLamports, signer, url } = options;
  const count = voucherCount(options);

  return (send) => async (input, init) => {
    const request = new Request(input, init);
    const { method, signal } = request;
    const asked = input instanceof Request ? input.url : String(input);
    const path = orderedPath(url, asked);
    const body = new Uint8Array(await request.arrayBuffer());
    const sendOnce = (): Promise<Response> => {
      const headers = new Headers(request.headers);
      // Who pays from an escrow is known by it, and by no key.
      headers.delete('authorization');
      const atMs = BigInt(clock.nowMs());
      headers.set('x-karmesh-order', orderHex({ domain, signer, escrow, method, path, body, atMs }));
      const voucher = count.voucher();
      if (voucher !== undefined && method === 'POST') headers.set('x-karmesh-voucher', voucher);
      return send(asked, { method, headers, signal, ...(method === 'GET' ? {} : { body }) });
    };
    if (method !== 'POST') return sendOnce();
    const end = count.begin(maxLamports);
    try {
      let response = await sendOnce();
      for (let asks = 1; asks < MAX_ASKS; asks++) {
        const needed = /^\d{1,19}$/.exec(response.headers.get('x-karmesh-voucher-needed') ?? '')?.[0];
        if (response.status !== 402 || needed === undefined) break;
        await response.body?.cancel();
        count.sign(BigInt(needed));
        response = await sendOnce();
      }
      return countedAnswer(response, { end, most: maxLamports });
    } catch (cause) {
      end(cause instanceof KarmeshError && cause.code === 'VOUCHER_EXCESSIVE' ? 0n : maxLamports);
      throw cause;
    }
  };
}
