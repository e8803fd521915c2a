const bits32 = new Uint32Array(1);
const float32 = new Float32Array(bits32.buffer);

/** The value of a bfloat16, which is the upper half of a 32-bit float. */
export function brainFloat(bits: number): number {
  bits32[0] = bits << 16;
  return float32[0] ?? 0;
}
