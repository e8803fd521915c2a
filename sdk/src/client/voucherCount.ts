import { KarmeshError } from '../errors.ts';
import {
  type Domain,
  type EscrowAddress,
  encode,
  orderRecord,
  signedCodec,
  toHex,
  voucherRecord,
} from '../protocol/index.ts';
import type { Signer } from '../signer.ts';
import { passedOn } from './passedOn.ts';
import { readTold } from './readTold.ts';
import { signOrder } from './signOrder.ts';
import { signVoucher } from './signVoucher.ts';
import { watchBody } from './watchBody.ts';

/** Ends a request's place by what it did cost; what is told afterwards changes nothing. */
export type EndPlace = (cost: bigint) => void;

export interface VoucherCount {
  /** A place for what a request may cost at most; ending it counts what it did cost. */
  begin(most: bigint): EndPlace;
  /** What answers cost so far and what those under way may cost at most, in lamports. */
  most(): bigint;
  /** Signs a voucher over `needed` unless a greater one was signed. @throws KarmeshError `VOUCHER_EXCESSIVE` beyond `most()`. */
  sign(needed: bigint): void;
  /** The greatest voucher as its fields and signature in hexadecimal; undefined before any was signed. */
  voucher(): string | undefined;
}

/** A buyer's own count of what its escrow pays for, beyond which it signs nothing (M-09). */
export function voucherCount(options: {
  readonly domain: Domain;
  readonly escrow: EscrowAddress;
  readonly signer: Signer;
  readonly counted: bigint;
  readonly maxLamports: bigint;
  readonly onSigned?: (cumulative: bigint) => void;
}): VoucherCount {
  const { domain, escrow, maxLamports, signer } = options;
  let counted = options.counted;
  let underWay = 0n;
  let greatest: { readonly cumulative: bigint; readonly hex: string } | undefined;
  const most = (): bigint => counted + underWay;
  return {
    most,
    voucher: () => greatest?.hex,
    begin(atMost) {
      underWay += atMost;
      let isOver = false;
      return (cost) => {
        if (isOver) return;
        isOver = true;
        underWay -= atMost;
        counted += cost < atMost ? cost : atMost;
      };
    },
    sign(needed) {
      if (needed > most())
        throw new KarmeshError('VOUCHER_EXCESSIVE', 'The gateway asks for more than this buyer’s requests may cost.', {
          needed,
          most: most(),
          maxLamports,
        });
      if (greatest !== undefined && greatest.cumulative >= needed) return;
      options.onSigned?.(needed);
      const signed = signVoucher({ domain, signer, escrow, cumulative: needed });
      greatest = { cumulative: needed, hex: toHex(encode(signedCodec(voucherRecord), signed)) };
    },
  };
}

/** An order (M-08) as its fields and signature in hexadecimal. */
export const orderHex = (order: Parameters<typeof signOrder>[0]): string =>
  toHex(encode(signedCodec(orderRecord), signOrder(order)));

/** The path that an order names: what follows the gateway's address, without a query. */
export const orderedPath = (url: string, asked: string): string => asked.slice(url.length).split(/[?#]/, 1)[0] ?? '';

/** The same response, whose cost ends its place: once it was read, or at once where there is no answer. */
export function countedAnswer(
  response: Response,
  { end, most }: { readonly end: EndPlace; readonly most: bigint },
): Response {
  // What was refused for a fault of the request has not run; of another failure nobody knows.
  if (!response.ok || response.body === null) {
    end(response.status < 500 ? 0n : most);
    return response;
  }
  const watched = watchBody(response.body);
  costOf(watched.copy, response.headers.get('content-type') ?? '').then(end, () => end(most));
  return passedOn(response, watched.body);
}

/** What an answer says that all its choices cost. @throws if it says nothing or breaks off. */
async function costOf(body: ReadableStream<Uint8Array>, type: string): Promise<bigint> {
  const { evidence, isDone } = await readTold(body, type);
  if (evidence === undefined || !isDone)
    throw new KarmeshError('PROTOCOL_VIOLATION', 'The answer does not say what it cost.', { rule: 'B-03' });
  return (evidence.all ?? [evidence]).reduce((sum, { priceLamports }) => sum + BigInt(priceLamports), 0n);
}
