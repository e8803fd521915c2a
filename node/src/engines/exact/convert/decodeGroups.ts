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

function decodeF32(bytes: Uint8Array, { weights, scales }: Groups): void {
  const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  for (let group = 0; group < scales.length; group++) {
    const from = GROUP * group;
    scales[group] = quantise({ floats, from, weights, to: from });
  }
}

/** A decoder of 16-bit floats, which are looked up in a table of all values that they can have. */
function decodeBy(toFloat: (bits: number) => number): GroupDecoder['decode'] {
  let table: Float32Array | undefined;
  const floats = new Float32Array(GROUP);
  return (bytes, { weights, scales }) => {
    table ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => toFloat(bits));
    const stored = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    for (let group = 0; group < scales.length; group++) {
      const to = GROUP * group;
      for (let i = 0; i < GROUP; i++) floats[i] = table[stored[to + i] ?? 0] ?? 0;
      scales[group] = quantise({ floats, from: 0, weights, to });
    }
  };
}

interface FloatGroup {
  readonly floats: Float32Array;
  readonly from: number;
  readonly weights: Int8Array;
  readonly to: number;
}

/**
 * turns 32 floats into integers and returns the bits of their scale. Rounding is exact: neither `largest / 127` nor `weight / scale` can come nearer to
 * a tie than 2^-26 of itself without being one, and a double tells 2^-53 apart.
 */
function quantise({ floats, from, weights, to }: FloatGroup): number {
  let largest = 0;
  // `Math.max` keeps a NaN, which a comparison would lose.
  for (let i = 0; i < GROUP; i++) largest = Math.max(largest, Math.abs(floats[from + i] ?? 0));
  const half = largest < Number.POSITIVE_INFINITY ? nearestHalf(largest / 127) : INFINITE;
  if (!isFiniteHalf(half))
    throw new KarmeshError('MODEL_INVALID', 'The model has a weight that is not a number, or too large.', {
      weight: largest,
    });
  // Divided by infinity, all weights of a group without a scale become zero.
  const scale = half === 0 ? Number.POSITIVE_INFINITY : halfValue(half);
  for (let i = 0; i < GROUP; i++) {
    const quotient = (floats[from + i] ?? 0) / scale;
    const rounded = (quotient + (quotient < 0 ? -0.5 : 0.5)) | 0;
    weights[to + i] = rounded > 127 ? 127 : rounded < -127 ? -127 : rounded;
  }
  return half;
}

const INFINITE = 0x7c00;

const DECODERS: ReadonlyMap<string, GroupDecoder> = new Map([
  ['Q8_0', { groupBytes: 34, decode: decodeQ8 }],
  ['Q4_0', { groupBytes: 18, decode: decodeQ4 }],
  ['F16', { groupBytes: 64, decode: decodeBy(halfValue) }],
  ['BF16', { groupBytes: 64, decode: decodeBy(brainFloat) }],
  ['F32', { groupBytes: 128, decode: decodeF32 }],
]);
