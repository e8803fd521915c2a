import type { Domain } from '../protocol/header.ts';
import { type Order, orderedRequestHash, orderRecord } from '../protocol/order.ts';
import { type Signed, signRecord } from '../protocol/signature.ts';
import type { Signer } from '../signer.ts';

/** M-08: the word of an escrow's buyer that a request is its own and that its escrow pays for it. `path` is without a query. */
export function signOrder(options: {
  readonly domain: Domain;
  /** The escrow's buyer. */
  readonly signer: Signer;
  readonly escrow: Uint8Array;
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
  /** Unix milliseconds. */
  readonly atMs: bigint;
}): Signed<Order> {
  const { escrow, atMs, domain, signer } = options;
  return signRecord(orderRecord, { domain, signer }, { escrow, requestHash: orderedRequestHash(options), atMs });
}
