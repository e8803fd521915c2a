import { KarmeshError } from '../errors.ts';
import { checkBaseFee } from './baseFee.ts';
import { laneTerms } from './lanes.ts';

const MAX_U64 = 2n ** 64n - 1n;

/**
 * L-07: what a ticket of a lane costs per 1,000 output tokens and million active parameters, in lamports: `ceil(list price x the lane's
 * tenths x base fee / 10,000)`, the base fee in thousandths. It is never below the list price.
 *
 * @throws KarmeshError `BAD_ARGUMENT` if there is no such lane, the base fee is out of its bounds, or a price does not fit 64 bits.
 */
export function unitPrice(terms: {
  readonly listPrice: bigint;
  readonly lane: number;
  readonly baseFee: number;
}): bigint {
  const { baseFee, lane, listPrice } = terms;
  checkBaseFee(baseFee);
  const price = (listPrice * BigInt(laneTerms(lane).priceTenths) * BigInt(baseFee) + 9_999n) / 10_000n;
  if (listPrice < 0n || price > MAX_U64)
    throw new KarmeshError('BAD_ARGUMENT', 'A price must fit 64 bits.', { listPrice, lane, baseFee, price });
  return price;
}
