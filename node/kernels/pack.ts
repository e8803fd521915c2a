/**
 * Linear layers read activations as lanes of 16 bits: a token is one lane, or two where its values are wider (x = high * 2^15 + low).
 * Lanes stand in groups of four, or in one group of one or two if there are no more, as [columns / 2][lanes][2], so that a kernel
 * spreads one pair of columns over a vector with one load.
 */

/** How many lanes a group has when there are `lanes` of them. */
// @ts-ignore: decorator
@inline
export function groupWidth(lanes: i32): i32 {
  return lanes > 2 ? 4 : lanes;
}

/** Packs `tokens` rows of `cols` i32 each, `stride` bytes apart. What is missing in the last group becomes zero. */
export function pack(x: usize, stride: i32, tokens: i32, cols: i32, limbs: i32, out: usize): void {
  const lanes = tokens * limbs;
  if (ASC_FEATURE_SIMD && tokens == 1) return packOne(x, cols, limbs, out);
  const width = groupWidth(lanes);
  const pairBytes = width << 2;
  const groups = (lanes + width - 1) / width;
  for (let g = 0; g < groups; g++) {
    const group = out + <usize>g * <usize>cols * <usize>(width << 1);
    for (let l = 0; l < width; l++) {
      const lane = g * width + l;
      const to = group + (l << 2);
      if (lane >= lanes) {
        for (let c = 0, o = to; c < cols; c += 2, o += pairBytes) store<i32>(o, 0);
        continue;
      }
      const row = x + <usize>(lane / limbs) * stride;
      if (limbs == 1) packPlain(row, cols, to, pairBytes);
      else if (lane % 2 == 0) packHigh(row, cols, to, pairBytes);
      else packLow(row, cols, to, pairBytes);
    }
  }
}

/** One token, which is a group of its own; columns come in multiples of 32. */
function packOne(row: usize, cols: i32, limbs: i32, out: usize): void {
  const end = row + (<usize>cols << 2);
  for (; row < end; row += 32) {
    const a = v128.load(row);
    const b = v128.load(row, 16);
    if (limbs == 1) {
      v128.store(out, i16x8.narrow_i32x4_s(a, b));
      out += 16;
      continue;
    }
    const high = i16x8.narrow_i32x4_s(i32x4.shr_s(a, 15), i32x4.shr_s(b, 15));
    const mask = i32x4.splat(32767);
    const low = i16x8.narrow_i32x4_s(v128.and(a, mask), v128.and(b, mask));
    v128.store(out, v128.shuffle<i32>(high, low, 0, 4, 1, 5));
    v128.store(out, v128.shuffle<i32>(high, low, 2, 6, 3, 7), 16);
    out += 32;
  }
}

function packPlain(row: usize, cols: i32, to: usize, step: i32): void {
  for (let c = 0, o = to; c < cols; c += 2, o += step)
    store<i32>(o, (load<i32>(row + (c << 2)) & 0xffff) | (load<i32>(row + (c << 2), 4) << 16));
}

function packHigh(row: usize, cols: i32, to: usize, step: i32): void {
  for (let c = 0, o = to; c < cols; c += 2, o += step)
    store<i32>(o, ((load<i32>(row + (c << 2)) >> 15) & 0xffff) | ((load<i32>(row + (c << 2), 4) >> 15) << 16));
}

function packLow(row: usize, cols: i32, to: usize, step: i32): void {
  for (let c = 0, o = to; c < cols; c += 2, o += step)
    store<i32>(o, (load<i32>(row + (c << 2)) & 32767) | ((load<i32>(row + (c << 2), 4) & 32767) << 16));
}
