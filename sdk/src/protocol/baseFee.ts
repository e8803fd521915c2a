import { KarmeshError } from '../errors.ts';

/** L-06: a base fee of one, in thousandths. It is never less, so that nothing is sold below the list price. */
export const LEAST_BASE_FEE = 1_000;
/** The greatest that a quote (F-33) can hold. */
const MAX_BASE_FEE = 0xffff_ffff;
/** A step is at most this part of the fee. */
const STEP_DENOMINATOR = 8n;

/**
 * L-06: the base fee of the next interval, in thousandths, by how many requests wait at the end of this one: the rule of EIP-1559
 * (https://eips.ethereum.org/EIPS/eip-1559) with waiting requests in place of used gas. At the target it stays. Above, it grows by
 * `floor(floor(fee x excess / target) / 8)`, at least by one thousandth; twice the target counts as the most, so that it grows by an
 * eighth at most. Below, it falls likewise, down to one. `ceiling`, in thousandths, bounds it from above.
 *
 * @throws KarmeshError `BAD_ARGUMENT` unless all are whole numbers, the target is positive, and fee and ceiling are from 1,000 to 2^32 - 1.
 */
export function nextBaseFee(now: {
  readonly baseFee: number;
  readonly waiting: number;
  readonly target: number;
  readonly ceiling: number;
}): number {
  const { baseFee, ceiling, target } = now;
  checkBaseFee(baseFee);
  checkBaseFee(ceiling);
  if (!Number.isSafeInteger(target) || target < 1 || !Number.isSafeInteger(now.waiting) || now.waiting < 0)
    throw new KarmeshError('BAD_ARGUMENT', 'A queue’s length is a whole number, and its target a positive one.', {
      waiting: now.waiting,
      target,
    });
  const waiting = Math.min(now.waiting, 2 * target);
  const change = (distance: number): number =>
    Number((BigInt(baseFee) * BigInt(distance)) / BigInt(target) / STEP_DENOMINATOR);
  const wanted =
    waiting > target
      ? baseFee + Math.max(1, change(waiting - target))
      : Math.max(LEAST_BASE_FEE, baseFee - change(target - waiting));
  return Math.min(wanted, ceiling);
}

/** @throws KarmeshError `BAD_ARGUMENT` unless a base fee is a whole number of thousandths from 1,000 to 2^32 - 1. */
export function checkBaseFee(baseFee: number): void {
  if (Number.isInteger(baseFee) && baseFee >= LEAST_BASE_FEE && baseFee <= MAX_BASE_FEE) return;
  throw new KarmeshError('BAD_ARGUMENT', 'A base fee is at least one, in thousandths, and fits 32 bits.', { baseFee });
}
