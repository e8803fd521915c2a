/** The operators of docs/exact-arithmetic.md in big integers, written from its rules and from nothing else. */

/** A shift right that rounds halves up; to the left for a shift below 0. */
export function rshr(value: bigint, shift: number): bigint {
  if (shift <= 0) return value << BigInt(-shift);
  return (value + (1n << BigInt(shift - 1))) >> BigInt(shift);
}

/** sat_n */
export function saturate(value: bigint, bits: number): bigint {
  const limit = (1n << BigInt(bits - 1)) - 1n;
  if (value > limit) return limit;
  return value < -limit ? -limit : value;
}

/** floor(sqrt(value)) by bisection. */
export function isqrt(value: bigint): bigint {
  let low = 0n;
  let high = 1n << BigInt(Math.ceil(value.toString(2).length / 2) + 1);
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle * middle <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** The r of X-21. `epsilon` is E * D. */
export function inverseRoot(x: readonly bigint[], epsilon: bigint): bigint {
  const squares = x.reduce((sum, value) => sum + value * value, epsilon);
  return isqrt((BigInt(x.length) << 68n) / squares);
}

/** A matrix times a vector, and what is added to it. */
export function multiply(
  matrix: readonly (readonly bigint[])[],
  x: readonly bigint[],
  bias?: readonly bigint[],
): readonly bigint[] {
  return matrix.map((row, i) => row.reduce((sum, weight, j) => sum + weight * (x[j] ?? 0n), bias?.[i] ?? 0n));
}

/** X-26 of one pair, with S for 17 + Fu - Fh, before sat_30. */
export function gated(g: bigint, u: bigint, gateFraction: number, shift: number): bigint {
  const z = rshr(g, gateFraction - 16);
  const magnitude = z < 0n ? -z : z;
  const piece = Number(magnitude >> 15n);
  const rest = magnitude & 32767n;
  const [c0, c1, c2] = EVEN_PART[piece] ?? [];
  if (c0 === undefined || c1 === undefined || c2 === undefined) return rshr((z > 0n ? 2n * z : 0n) * u, shift);
  const even = BigInt(c0) + rshr((BigInt(c1) + rshr(BigInt(c2) * rest, 15)) * rest, 15);
  return rshr((z + 2n * even) * u, shift);
}

/** the pairs of one head, turned. `angles` are cos_0, sin_0, cos_1, ... */
export function rotated(
  y: readonly bigint[],
  angles: readonly bigint[],
  { pairs, fraction }: { readonly pairs: 'neighbours' | 'halves'; readonly fraction: number },
): readonly bigint[] {
  const half = y.length / 2;
  const out = [...y];
  for (let i = 0; i < half; i++) {
    const [p, q] = pairs === 'neighbours' ? [2 * i, 2 * i + 1] : [i, i + half];
    const [a, b, c, s] = [y[p] ?? 0n, y[q] ?? 0n, angles[2 * i] ?? 0n, angles[2 * i + 1] ?? 0n];
    out[p] = rshr(a * c - b * s, 30 - fraction);
    out[q] = rshr(a * s + b * c, 30 - fraction);
  }
  return out;
}

/** X-24 of one head: its result and the highest score. `shift` is Fq + Fk - 12. */
export function attended(
  q: readonly bigint[],
  { keys, values }: { readonly keys: readonly (readonly bigint[])[]; readonly values: readonly (readonly bigint[])[] },
  shift: number,
): { readonly output: readonly bigint[]; readonly top: bigint } {
  const scores = keys.map((key) => key.reduce((sum, k, i) => sum + k * (q[i] ?? 0n), 0n));
  const top = scores.reduce((a, b) => (b > a ? b : a));
  const weights = scores.map((score) => exp2(rshr(top - score, shift)));
  const total = weights.reduce((a, b) => a + b);
  const output = q.map((_, i) => {
    const sum = values.reduce((mixed, value, t) => mixed + (weights[t] ?? 0n) * (value[i] ?? 0n), 0n);
    const [above, below] = [2n * sum + total, 2n * total];
    return above >= 0n ? above / below : -((-above + below - 1n) / below);
  });
  return { output, top };
}

/** The exp2 of X-24. */
function exp2(z: bigint): bigint {
  const n = Number(z / 4096n);
  const f = z % 4096n;
  const t = [15126n, -45305n, 65532n].reduce((sum, term) => term + rshr(sum * f, 12), -2588n);
  return n > 25 ? 0n : rshr(t, n - 8);
}

/** at temperature 0. */
export function firstOfHighest(logits: readonly bigint[]): number {
  return logits.reduce((best, logit, i) => (logit > (logits[best] ?? logit) ? i : best), 0);
}

/** The page's text, which a test compares. */
export const EVEN_PART_TEXT = `0: -1, 23, 2792 · 1: 2807, 5644, 2477 · 2: 10917, 10617, 1947 · 3: 23468, 14511, 1348
4: 39316, 17194, 803 · 5: 57304, 18781, 378 · 6: 76456, 19519, 88 · 7: 96059, 19680, -86
8: 115651, 19498, -175 · 9: 134974, 19143, -207 · 10: 153910, 18726, -206 · 11: 172432, 18314, -187
12: 190559, 17939, -161 · 13: 208337, 17617, -134 · 14: 225820, 17348, -109 · 15: 243060, 17131, -87
16: 260104, 16958, -68 · 17: 276994, 16821, -53 · 18: 293762, 16716, -41 · 19: 310437, 16634, -31
20: 327041, 16572, -24 · 21: 343589, 16525, -18 · 22: 360096, 16489, -14 · 23: 376572, 16462, -10
24: 393024, 16442, -8 · 25: 409459, 16427, -6 · 26: 425880, 16416, -4 · 27: 442292, 16407, -3
28: 458696, 16401, -2 · 29: 475095, 16397, -2 · 30: 491490, 16393, -1 · 31: 507882, 16391, -1`;

const EVEN_PART = EVEN_PART_TEXT.split(/·|\n/).map((entry) => entry.replace(/^.*:/, '').split(',').map(Number));
