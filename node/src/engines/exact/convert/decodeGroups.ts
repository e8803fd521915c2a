import { KarmeshError } from '@karmesh/sdk/errors';
import { brainFloat } from './brainFloat.ts';
import { halfValue, isFiniteHalf, nearestHalf } from './halfFloat.ts';

/** weights that share a scale. */
export const GROUP = 32;

/** weights as integers, and for each 32 of them the scale's bits as a half-precision float. */
export interface Groups {
  readonly weights: Int8Array;
  readonly scales: Uint16Array;
}

/** How a tensor type of GGUF is read. */
export interface GroupDecoder {
  /** Bytes of 32 weights in the file. */
  readonly groupBytes: number;
  /** Fills `into` from the bytes of as many groups as it has scales; both begin at a multiple of 8. Throws `MODEL_INVALID`. */
  decode(bytes: Uint8Array, into: Groups): void;
}

/** the decoder of a tensor type, or undefined for a type that is not converted. */
export function groupDecoder(type: string): GroupDecoder | undefined {
  return DECODERS.get(type);
}

// Views of 16 and 32 bits read the file's little-endian numbers as they lie there: every machine that runs this is little-endian.

function decodeQ8(bytes: Uint8Array, { weights, scales }: Groups): void {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const pairs = new Uint16Array(weights.buffer, weights.byteOffset, weights.length / 2);
  for (let group = 0; group < scales.length; group++) {
    const from = 17 * group;
    const to = 16 * group;
    scales[group] = finiteScale(halves[from] ?? 0);
    for (let i = 0; i < 16; i++) pairs[to + i] = halves[from + 1 + i] ?? 0;
  }
}

function decodeQ4(bytes: Uint8Array, { weights, scales }: Groups): void {
  for (let group = 0; group < scales.length; group++) {
    const from = 18 * group;
    const to = GROUP * group;
    scales[group] = finiteScale((bytes[from] ?? 0) | ((bytes[from + 1] ?? 0) << 8));
    for (let i = 0; i < 16; i++) {
      const byte = bytes[from + 2 + i] ?? 0;
      weights[to + i] = (byte & 15) - 8;
      weights[to + 16 + i] = (byte >> 4) - 8;
    }
  }
}

function finiteScale(half: number): number {
  if (!isFiniteHalf(half))
    throw new KarmeshError('MODEL_INVALID', 'The model has a scale that is not a finite number.', { half });
  return half;
}

function decodeF32(bytes: Uint8Array, into: Groups): void {
  quantise(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4), into);
}

/** A decoder of 16-bit floats, which are looked up in a table of all values that they can have. */
function decodeBy(toFloat: (bits: number) => number): GroupDecoder['decode'] {
  let table: Float32Array | undefined;
  return (bytes, into) => {
    table ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => toFloat(bits));
    const stored = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    const floats = new Float32Array(stored.length);
    for (let i = 0; i < floats.length; i++) floats[i] = table[stored[i] ?? 0] ?? 0;
    quantise(floats, into);
  };
}

/** The bits of a 32-bit float without its sign are in the order of magnitudes; infinity and NaNs are above all others. */
const MAGNITUDE = 0x7fffffff;

/** Adding and taking away 1.5 x 2^52 leaves a double no fraction: it rounds to the nearest integer, ties to even. */
const ROUND = 1.5 * 2 ** 52;
/** Moves a tie away from zero, and nothing over one. */
const FROM_ZERO = 1 + 2 ** -30;

/**
 * X-10 for floats. No step branches on a weight, which would take most of the time. Exact all the same: `largest / 127` and `weight / scale`, of 24-bit floats and
 * halves, are ties or at least 2^-25 of themselves away from one. A double tells 2^-53 apart, and a factor of 1 + 2^-30 takes them over a tie only from
 * the tie itself.
 */
function quantise(floats: Float32Array, { weights, scales }: Groups): void {
  const words = new Int32Array(floats.buffer, floats.byteOffset, floats.length);
  for (let group = 0; group < scales.length; group++) {
    const start = GROUP * group;
    const end = start + GROUP;
    let largest = 0;
    for (let i = start; i < end; i++) largest = Math.max(largest, (words[i] ?? 0) & MAGNITUDE);
    const half = scaleOf(largest);
    scales[group] = half;
    const factor = half === 0 ? 0 : FROM_ZERO / halfValue(half);
    for (let i = start; i < end; i++) weights[i] = (floats[i] ?? 0) * factor + ROUND - ROUND;
    if (half < SMALLEST_NORMAL) saturate(floats.subarray(start, end), { factor, into: weights.subarray(start, end) });
  }
}

/** Below the normal halves a scale can be so much too small that a weight does not fit 8 bits. */
const SMALLEST_NORMAL = 0x400;

function saturate(floats: Float32Array, to: { readonly factor: number; readonly into: Int8Array }): void {
  for (let i = 0; i < GROUP; i++) {
    const rounded = (floats[i] ?? 0) * to.factor + ROUND - ROUND;
    to.into[i] = Math.max(-127, Math.min(127, rounded));
  }
}

/** the scale's bits from those of the largest magnitude. */
function scaleOf(largest: number): number {
  word[0] = largest;
  const weight = float[0] ?? 0;
  const half = weight < Number.POSITIVE_INFINITY ? nearestHalf(weight / 127) : INFINITE;
  if (!isFiniteHalf(half))
    throw new KarmeshError('MODEL_INVALID', 'The model has a weight that is not a number, or too large.', { weight });
  return half;
}

const word = new Int32Array(1);
const float = new Float32Array(word.buffer);
const INFINITE = 0x7c00;

const DECODERS: ReadonlyMap<string, GroupDecoder> = new Map([
  ['Q8_0', { groupBytes: 34, decode: decodeQ8 }],
  ['Q4_0', { groupBytes: 18, decode: decodeQ4 }],
  ['F16', { groupBytes: 64, decode: decodeBy(halfValue) }],
  ['BF16', { groupBytes: 64, decode: decodeBy(brainFloat) }],
  ['F32', { groupBytes: 128, decode: decodeF32 }],
]);
