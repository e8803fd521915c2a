import { floatToHalf } from './halfFloat.ts';

/** Weights of one block, and its bytes: a 16-bit scale and 32 numbers of 4 bits. */
export const Q4_0 = { block: 32, bytes: 18, ggmlType: 2, fileType: 2 } as const;

/**
 * Weights in ggml's Q4_0. In each block of 32 the weight of largest magnitude, sign kept, becomes -8 times the scale d; a weight w is
 * stored as q = floor(w / d + 8.5), at most 15, and read back as d x (q - 8). Byte j holds weight j in its low half and weight
 * j + 16 in its high half. Arithmetic is in 32-bit floats, as in `quantize_row_q4_0_ref` of
 * https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-quants.c, whose description this follows; the layout is
 * `block_q4_0` of ggml-common.h. Throws `RangeError` unless there are whole blocks.
 */
export function quantiseQ4_0(weights: Float32Array): Uint8Array {
  if (weights.length % Q4_0.block !== 0) throw new RangeError('The weights do not fill whole blocks.');
  const blocks = weights.length / Q4_0.block;
  const bytes = new Uint8Array(blocks * Q4_0.bytes);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < blocks; i++) {
    const block = weights.subarray(i * Q4_0.block, (i + 1) * Q4_0.block);
    const extreme = block.reduce((most, weight) => (Math.abs(weight) > Math.abs(most) ? weight : most), 0);
    const scale = Math.fround(extreme / -8);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const at = i * Q4_0.bytes;
    view.setUint16(at, floatToHalf(scale), true);
    const level = (j: number): number => {
      const scaled = Math.fround((block[j] ?? 0) * inverse);
      return Math.min(15, Math.trunc(Math.fround(scaled + 8.5)));
    };
    for (let j = 0; j < 16; j++) bytes[at + 2 + j] = level(j) | (level(j + 16) << 4);
  }
  return bytes;
}
