import { bn254 } from '@noble/curves/bn254.js';
import type { Weights } from '../r1cs/appendRows.ts';
import { combineRows } from './combineRows.ts';

const { Fr } = bn254.fields;

/** A point of a matrix: rho, of which the powers weigh its rows, and r, at which a row's multilinear extension is read. */
export interface MatrixPoint {
  readonly rho: bigint;
  readonly r: readonly bigint[];
}

/** `sum_i rho^i sum_j eq(r, j) W_ij`, exact for all weights. The first of r belongs to the highest bit of j. */
export function weightsAt(weights: Weights, { rho, r }: MatrixPoint): bigint {
  const row = combineRows(weights, powersOf(rho, weights.rows));
  const places = equalities(r);
  return row.reduce((sum, value, j) => Fr.add(sum, Fr.mul(value, places[j] ?? 0n)), 0n);
}

/** `sum_i rho^i b_i` */
export function biasAt({ rows, bias }: Weights, rho: bigint): bigint {
  if (bias === undefined) return 0n;
  return powersOf(rho, rows).reduce((sum, power, i) => Fr.add(sum, Fr.mul(power, Fr.create(BigInt(bias(i))))), 0n);
}

/** 1, rho, rho^2, ... */
export function powersOf(rho: bigint, count: number): readonly bigint[] {
  const powers = [1n];
  while (powers.length < count) powers.push(Fr.mul(powers.at(-1) ?? 1n, rho));
  return powers;
}

/** eq(r, j) for all j: 1 where r is the digits of j, the highest first, and 0 at all other digits. */
function equalities(r: readonly bigint[]): readonly bigint[] {
  return r.reduce<readonly bigint[]>(
    (places, coordinate) =>
      places.flatMap((place) => {
        const one = Fr.mul(place, coordinate);
        return [Fr.sub(place, one), one];
      }),
    [1n],
  );
}
