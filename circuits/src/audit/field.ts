import { FIELD_ORDER } from '../r1cs/r1csFile.ts';

/** A number's representative in 0 ... p - 1. */
export function toField(value: bigint): bigint {
  const rest = value % FIELD_ORDER;
  return rest < 0n ? rest + FIELD_ORDER : rest;
}

/** 1 / value in the field, by Euclid's algorithm. `value` is not 0. */
export function invert(value: bigint): bigint {
  if (value === 1n) return 1n;
  let [low, high] = [toField(value), FIELD_ORDER];
  let [lowFactor, highFactor] = [1n, 0n];
  while (low > 1n) {
    const quotient = high / low;
    [low, high] = [high - quotient * low, low];
    [lowFactor, highFactor] = [highFactor - quotient * lowFactor, lowFactor];
  }
  return toField(lowFactor);
}
