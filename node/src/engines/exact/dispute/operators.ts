import { isqrt, rshr } from '../convert/integers.ts';
import { type MatrixData, weightAt } from '../file/modelParts.ts';
import { rdiv, sat } from './integers.ts';

/** The operators of docs/exact-arithmetic.md, one function each, written for reading. Vectors of integers go in and come out. */

/** X-22 without the shift: the sum of every row. */
function rowSums(matrix: MatrixData, x: Int32Array): readonly bigint[] {
  const { rows, columns, multipliers, weights } = matrix;
  const groups = columns / 32;
  return Array.from({ length: rows }, (_, row) => {
    const tile = row >> 3;
    const inTile = row & 7;
    let acc = 0n;
    for (let group = 0; group < groups; group++) {
      let sum = 0;
      for (let c = group * 32; c < group * 32 + 32; c++)
        sum += weightAt(weights, { tile, inTile, columns, column: c }) * (x[c] ?? 0);
      acc += BigInt(sum) * BigInt(multipliers[(tile * groups + group) * 8 + inTile] ?? 0);
    }
    return acc;
  });
}

export interface LinearFormats {
  /** Fin and Fout. */
  readonly from: number;
  readonly to: number;
}

/** */
export function linear(matrix: MatrixData, x: Int32Array, { from, to }: LinearFormats): readonly bigint[] {
  return rowSums(matrix, x).map((acc, row) => rshr(acc, (matrix.shifts[row] ?? 0) + from - to));
}

/** X-20; `scales` are m for each 32 columns of the token's row. */
export function embedding(
  { weights, columns }: Pick<MatrixData, 'weights' | 'columns'>,
  token: number,
  scales: readonly bigint[],
): Int32Array {
  return Int32Array.from({ length: columns }, (_, column) => {
    const q = weightAt(weights, { tile: token >> 3, inTile: token & 7, columns, column });
    return Number(sat(rshr(BigInt(q) * (scales[column >> 5] ?? 0n), 8), 32));
  });
}

/** X-21; `format` is Fn, `bits` nN. */
export function norm(
  x: Int32Array,
  w: Int32Array,
  { epsilon, format, bits }: { readonly epsilon: bigint; readonly format: number; readonly bits: number },
): Int32Array {
  const width = BigInt(x.length);
  const squares = x.reduce((sum, v) => sum + BigInt(v) * BigInt(v), epsilon * width);
  const r = isqrt((width << 68n) / squares);
  return x.map((v, i) => Number(sat(rshr(BigInt(v) * r * BigInt(w[i] ?? 0), 48 - format), bits)));
}

/** cosine and sine with 14 fraction bits. */
export function angle(frequency: bigint, position: number): readonly [cos: bigint, sin: bigint] {
  const a = (BigInt(position) * frequency) & ((1n << 64n) - 1n);
  const quarter = Number(a >> 62n);
  const t = (a & ((1n << 62n) - 1n)) >> 31n;
  const isFolded = t > 1n << 30n;
  const th = rshr((isFolded ? (1n << 31n) - t : t) * 1686629713n, 31);
  const w = rshr(th * th, 30);
  const series = (terms: readonly bigint[]): bigint => terms.reduce((sum, term) => term + rshr(w * sum, 30));
  const s = rshr(rshr(th * series([-27n, 2959n, -213044n, 8947849n, -178956971n, 1073741824n]), 30), 16);
  const c = rshr(series([-296n, 26631n, -1491308n, 44739243n, -536870912n, 1073741824n]), 16);
  const [cos, sin] = isFolded ? [s, c] : [c, s];
  const turned = [
    [cos, sin],
    [-sin, cos],
    [-cos, -sin],
    [sin, -cos],
  ] as const;
  return turned[quarter] ?? [cos, sin];
}

export interface RotateOptions {
  readonly position: number;
  readonly frequencies: readonly bigint[];
  readonly pairs: 'neighbours' | 'halves';
  readonly headSize: number;
  /** Fq or Fk, and nQ. */
  readonly format: number;
  readonly bits: number;
}

/** the rotation of q or k from values with 16 fraction bits. */
export function rotate(y: readonly bigint[], options: RotateOptions): Int32Array {
  const { position, frequencies, pairs, headSize, format, bits } = options;
  const out = new Int32Array(y.length);
  const half = headSize / 2;
  const angles = frequencies.map((frequency) => angle(frequency, position));
  for (let head = 0; head < y.length; head += headSize) {
    for (const [i, [c, s]] of angles.entries()) {
      const p = head + (pairs === 'halves' ? i : 2 * i);
      const q = p + (pairs === 'halves' ? half : 1);
      const [a, b] = [y[p] ?? 0n, y[q] ?? 0n];
      out[p] = Number(sat(rshr(a * c - b * s, 30 - format), bits));
      out[q] = Number(sat(rshr(a * s + b * c, 30 - format), bits));
    }
  }
  return out;
}

/** */
function exp2(z: bigint): bigint {
  const n = Number(z >> 12n);
  if (n > 25) return 0n;
  const f = z & 4095n;
  const t = [-2588n, 15126n, -45305n, 65532n].reduce((sum, term) => term + rshr(sum * f, 12));
  return rshr(t, n - 8);
}

export interface AttendOptions {
  readonly headSize: number;
  /** Query heads that read one key head. */
  readonly group: number;
  /** Fq + Fk */
  readonly scoreFormat: number;
}

/** `keys` and `values` of positions 0 to p. */
export function attend(
  q: Int32Array,
  cache: { readonly keys: readonly Int32Array[]; readonly values: readonly Int32Array[] },
  { headSize, group, scoreFormat }: AttendOptions,
): Int32Array {
  const out = new Int32Array(q.length);
  for (let head = 0; head * headSize < q.length; head++) {
    const at = Math.floor(head / group) * headSize;
    const scores = cache.keys.map((key) => {
      let s = 0n;
      for (let i = 0; i < headSize; i++) s += BigInt(q[head * headSize + i] ?? 0) * BigInt(key[at + i] ?? 0);
      return s;
    });
    const top = scores.reduce((a, b) => (b > a ? b : a));
    const weights = scores.map((s) => exp2(rshr(top - s, scoreFormat - 12)));
    const total = weights.reduce((a, b) => a + b);
    for (let i = 0; i < headSize; i++) {
      const mixed = cache.values.reduce((sum, value, t) => sum + (weights[t] ?? 0n) * BigInt(value[at + i] ?? 0), 0n);
      out[head * headSize + i] = Number(rdiv(mixed, total));
    }
  }
  return out;
}

/** C0, C1, C2 of X-26. */
const PIECES: readonly (readonly [bigint, bigint, bigint])[] = [
  [-1n, 23n, 2792n],
  [2807n, 5644n, 2477n],
  [10917n, 10617n, 1947n],
  [23468n, 14511n, 1348n],
  [39316n, 17194n, 803n],
  [57304n, 18781n, 378n],
  [76456n, 19519n, 88n],
  [96059n, 19680n, -86n],
  [115651n, 19498n, -175n],
  [134974n, 19143n, -207n],
  [153910n, 18726n, -206n],
  [172432n, 18314n, -187n],
  [190559n, 17939n, -161n],
  [208337n, 17617n, -134n],
  [225820n, 17348n, -109n],
  [243060n, 17131n, -87n],
  [260104n, 16958n, -68n],
  [276994n, 16821n, -53n],
  [293762n, 16716n, -41n],
  [310437n, 16634n, -31n],
  [327041n, 16572n, -24n],
  [343589n, 16525n, -18n],
  [360096n, 16489n, -14n],
  [376572n, 16462n, -10n],
  [393024n, 16442n, -8n],
  [409459n, 16427n, -6n],
  [425880n, 16416n, -4n],
  [442292n, 16407n, -3n],
  [458696n, 16401n, -2n],
  [475095n, 16397n, -2n],
  [491490n, 16393n, -1n],
  [507882n, 16391n, -1n],
];

/** hidden values out of gate and up. */
export function gated(
  g: Int32Array,
  u: Int32Array,
  formats: { readonly gate: number; readonly up: number; readonly hidden: number },
): Int32Array {
  return g.map((gate, i) => {
    const z = rshr(BigInt(gate), formats.gate - 16);
    const a = z < 0n ? -z : z;
    const f = a & 32767n;
    const piece = PIECES[Number(a >> 15n)];
    const t =
      piece === undefined
        ? z > 0n
          ? 2n * z
          : 0n
        : z + 2n * (piece[0] + rshr((piece[1] + rshr(piece[2] * f, 15)) * f, 15));
    return Number(sat(rshr(t * BigInt(u[i] ?? 0), 17 + formats.up - formats.hidden), 30));
  });
}
