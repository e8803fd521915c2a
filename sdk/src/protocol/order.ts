import { type Decoded, struct, u64 } from './codec.ts';
import { type Hash, hash, hashCodec } from './hash.ts';
import { header, KIND } from './header.ts';
import { escrowCodec } from './ids.ts';

/**
 * F-35, signed by an escrow's buyer: this request of the gateway's HTTP interface is its own, and its escrow pays for it. Vouchers stand on chain for
 * all to read, so that showing one says nothing of who asks.
 */
export const orderRecord = header(KIND.order, struct({ escrow: escrowCodec, requestHash: hashCodec, atMs: u64 }));
export type Order = Decoded<typeof orderRecord.fields>;

/** F-35: `H(method || 0x00 || path || 0x00 || body)`, the path without a query. */
export function orderedRequestHash(request: {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}): Hash {
  return hash(new TextEncoder().encode(`${request.method}\0${request.path}\0`), request.body);
}
