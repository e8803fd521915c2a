import { concatBytes, u32le } from './bytes.ts';
import { type Hash, hash } from './hash.ts';
import type { ModelId } from './ids.ts';

// Checks of opened linear layers (docs/proofs.md, Z-60 to Z-64), after R. Freivalds, "Probabilistic machines can use less running time", IFIP 1977: r^T (W x) = (r^T W) x.

/** Z-60: a Mersenne prime, far above what sums of a layer come to. */
export const FREIVALDS_PRIME: bigint = 2n ** 127n - 1n;
/** Z-62: no sum is this large, so that two different ones never are the same modulo the prime. */
const SUM_LIMIT = 2n ** 125n;

const tag = (name: string): Uint8Array => new TextEncoder().encode(name);
const POINT = tag('karmesh:freivalds');
const SUMS = tag('karmesh:sums');
const SUM_BYTES = 16;

/** W and b of W x + b: integers below 2^53, at most 2^15 columns. */
export interface LinearMatrix {
  readonly rows: number;
  readonly columns: number;
  /** The entries of a row, in order. */
  row(index: number): ArrayLike<number>;
  bias?(index: number): number;
}

/** r^T W and r^T b of one matrix in one epoch, modulo the prime. */
export interface ProjectedMatrix {
  readonly rows: number;
  readonly point: bigint;
  /** One for each column. */
  readonly projected: readonly bigint[];
  readonly projectedBias: bigint;
}

/** Z-60: the rho of an epoch and a matrix: the first 16 bytes, little-endian, of `H("karmesh:freivalds" || beacon || modelId || operator u32)` modulo the prime. */
export function freivaldsPoint(draw: {
  readonly beacon: Hash;
  readonly modelId: ModelId;
  /** In the order of Z-40. */
  readonly operator: number;
}): bigint {
  const digest = hash(POINT, draw.beacon, draw.modelId, u32le(draw.operator));
  return (
    digest.subarray(0, SUM_BYTES).reduceRight((number, byte) => (number << 8n) + BigInt(byte), 0n) % FREIVALDS_PRIME
  );
}

/** Z-61: `r^T W` and `r^T b` for r = (rho, rho^2, ...), once for a matrix and an epoch: as many products as the matrix has entries. */
export function projectMatrix({ rows, columns, row, bias }: LinearMatrix, point: bigint): ProjectedMatrix {
  const projected = new Array<bigint>(columns).fill(0n);
  let projectedBias = 0n;
  let factor = 1n;
  for (let i = 0; i < rows; i++) {
    factor = (factor * point) % FREIVALDS_PRIME;
    const entries = row(i);
    for (let j = 0; j < columns; j++) {
      const entry = entries[j] ?? 0;
      // Products stay below 2^180; they are reduced at the end, since 2^15 of them are below 2^195.
      if (entry !== 0) projected[j] = (projected[j] ?? 0n) + factor * BigInt(entry);
    }
    projectedBias += factor * BigInt(bias?.(i) ?? 0);
  }
  return { rows, point, projected: projected.map(reduced), projectedBias: reduced(projectedBias) };
}

/** Z-63: what a worker commits to before the beacon: `H("karmesh:sums" || position u32 || operator u32 || sums, 16 bytes each, two's complement, little-endian)`. */
export function sumsHash(
  place: { readonly position: number; readonly operator: number },
  sums: readonly bigint[],
): Hash {
  const bytes = new Uint8Array(SUM_BYTES * sums.length);
  const view = new DataView(bytes.buffer);
  for (const [i, sum] of sums.entries()) {
    view.setBigUint64(SUM_BYTES * i, BigInt.asUintN(64, sum), true);
    view.setBigUint64(SUM_BYTES * i + 8, BigInt.asUintN(64, sum >> 64n), true);
  }
  return hash(concatBytes(SUMS, u32le(place.position), u32le(place.operator), bytes));
}

/** A linear operator of one position, opened: all of it was committed to before the beacon that the point comes from. */
export interface OpenedLayer {
  readonly x: ArrayLike<number>;
  /** W x + b before it is rounded. */
  readonly sums: readonly bigint[];
  /** `sat_bits(residual + rshr(sum, shift))`, X-22, X-23 and X-25; no residual counts as zeros. */
  readonly y: ArrayLike<number>;
  readonly shift: number;
  readonly bits: number;
  readonly residual?: ArrayLike<number>;
}

export type OpenedLayerVerdict =
  | { readonly verdict: 'accept' }
  | {
      readonly verdict: 'reject';
      readonly rule: 'Z-62' | 'Z-64';
      readonly fault: 'length' | 'range' | 'sums' | 'rounding';
    };

/**
 * Whether an opened layer holds, with as many products as it has rows and columns. Z-62: its sums are W x + b; a false one passes with probability at most rows / 2^127 if the worker had
 * committed to x and sums before anybody knew the point, and can be made up by whoever knows it. Z-64: each value is its own sum, rounded.
 */
export function checkOpenedLayer(matrix: ProjectedMatrix, layer: OpenedLayer): OpenedLayerVerdict {
  const { rows, point, projected, projectedBias } = matrix;
  const { x, sums, y, shift, bits, residual } = layer;
  const lengths = [sums.length, y.length, residual?.length ?? rows];
  if (x.length !== projected.length || lengths.some((length) => length !== rows)) return reject('Z-62', 'length');
  if (sums.some((sum) => sum >= SUM_LIMIT || sum <= -SUM_LIMIT)) return reject('Z-62', 'range');
  // Horner's rule from the last row.
  const left = sums.reduceRight((value, sum) => ((value + sum) * point) % FREIVALDS_PRIME, 0n);
  const right = projected.reduce((value, entry, j) => value + entry * BigInt(x[j] ?? 0), projectedBias);
  if (reduced(left - right) !== 0n) return reject('Z-62', 'sums');
  const limit = (1n << BigInt(bits - 1)) - 1n;
  const half = shift === 0 ? 0n : 1n << BigInt(shift - 1);
  const isRounded = sums.every((sum, i) => {
    const value = BigInt(residual?.[i] ?? 0) + ((sum + half) >> BigInt(shift));
    return BigInt(y[i] ?? 0) === (value > limit ? limit : value < -limit ? -limit : value);
  });
  return isRounded ? { verdict: 'accept' } : reject('Z-64', 'rounding');
}

function reject(rule: 'Z-62' | 'Z-64', fault: 'length' | 'range' | 'sums' | 'rounding'): OpenedLayerVerdict {
  return { verdict: 'reject', rule, fault };
}

function reduced(value: bigint): bigint {
  const rest = value % FREIVALDS_PRIME;
  return rest < 0n ? rest + FREIVALDS_PRIME : rest;
}
