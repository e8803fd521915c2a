import { rdiv, rshr } from './integers';

/** 2^-(z / 4096) with 24 fraction bits. */
// @ts-ignore: decorator
@inline
function exp2(z: i64): i32 {
  if (z >= 26 << 12) return 0;
  const n = <i32>(z >> 12);
  const f = <i32>z & 4095;
  let t = -2588;
  t = 15126 + ((t * f + 2048) >> 12);
  t = -45305 + ((t * f + 2048) >> 12);
  t = 65532 + ((t * f + 2048) >> 12);
  const s = n - 8;
  return s > 0 ? (t + (1 << (s - 1))) >> s : t << -s;
}

/**
 * X-24 for one head over `count` positions: q i16 or i32, keys and values likewise, `stride` bytes a position; `scratch` has room for
 * 12 bytes a position and 4 more. The output is i32.
 */
export function attendHead(q: usize, keys: usize, values: usize, stride: i32, count: i32, size: i32, shift: i32, wide: i32, scratch: usize, out: usize): void {
  const scores = scratch;
  const weights = scratch + (<usize>count << 3);
  let top: i64 = i64.MIN_VALUE;
  for (let t = 0; t < count; t++) {
    const k = keys + <usize>t * stride;
    const s = wide != 0 ? dotWide(q, k, size) : dotNarrow(q, k, size);
    store<i64>(scores + (<usize>t << 3), s);
    if (s > top) top = s;
  }
  const inHalves = ASC_FEATURE_SIMD && wide == 0;
  const high = weights + halfBytes(count);
  if (inHalves) {
    // Of an odd number of weights, the last pair's other half.
    store<i16>(high - 2, 0);
    store<i16>(high + halfBytes(count) - 2, 0);
  }
  let total: i64 = 0;
  for (let t = 0; t < count; t++) {
    const e = exp2(rshr(top - load<i64>(scores + (<usize>t << 3)), shift));
    if (inHalves) {
      store<i16>(weights + (<usize>t << 1), <i16>(e & 4095));
      store<i16>(high + (<usize>t << 1), <i16>(e >> 12));
    } else store<i32>(weights + (<usize>t << 2), e);
    total += e;
  }
  if (wide != 0) mixWide(weights, values, stride, count, size, total, out);
  else mixNarrow(weights, values, stride, count, size, total, out);
}

function dotNarrow(q: usize, k: usize, size: i32): i64 {
  const bytes = <usize>size << 1;
  if (ASC_FEATURE_SIMD) {
    let a = i64x2.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const d = i32x4.dot_i16x8_s(v128.load(q + i), v128.load(k + i));
      a = i64x2.add(a, i64x2.add(i64x2.extend_low_i32x4_s(d), i64x2.extend_high_i32x4_s(d)));
    }
    return i64x2.extract_lane(a, 0) + i64x2.extract_lane(a, 1);
  }
  let sum: i64 = 0;
  for (let i: usize = 0; i < bytes; i += 2) sum += <i64>load<i16>(q + i) * <i64>load<i16>(k + i);
  return sum;
}

function dotWide(q: usize, k: usize, size: i32): i64 {
  const bytes = <usize>size << 2;
  if (ASC_FEATURE_SIMD) {
    let a = i64x2.splat(0), b = a;
    for (let i: usize = 0; i < bytes; i += 16) {
      const u = v128.load(q + i), v = v128.load(k + i);
      a = i64x2.add(a, i64x2.extmul_low_i32x4_s(u, v));
      b = i64x2.add(b, i64x2.extmul_high_i32x4_s(u, v));
    }
    a = i64x2.add(a, b);
    return i64x2.extract_lane(a, 0) + i64x2.extract_lane(a, 1);
  }
  let sum: i64 = 0;
  for (let i: usize = 0; i < bytes; i += 4) sum += <i64>load<i32>(q + i) * <i64>load<i32>(k + i);
  return sum;
}

/**
 * Two positions at a time: a dot product of 16-bit lanes takes the values of both, and the weights in two halves of 12 bits. The sum of
 * eight such products, each at most 2 * 32767 * 4095, fits into 32 bits.
 */
function mixNarrow(weights: usize, values: usize, stride: i32, count: i32, size: i32, total: i64, out: usize): void {
  if (ASC_FEATURE_SIMD) {
    const high = weights + halfBytes(count);
    for (let i = 0; i < size; i += 8) {
      let a = i64x2.splat(0), b = a, c = a, d = a;
      let v = values + (<usize>i << 1);
      for (let t = 0; t < count; ) {
        const end = min(t + 16, count);
        let l0 = i32x4.splat(0), l1 = l0, h0 = l0, h1 = l0;
        for (; t < end; t += 2, v += 2 * stride) {
          const first = v128.load(v);
          // The last of an odd number of positions stands twice, the second time with a weight of zero.
          const second = v128.load(t + 1 < count ? v + stride : v);
          const even = v128.shuffle<i16>(first, second, 0, 8, 1, 9, 2, 10, 3, 11);
          const odd = v128.shuffle<i16>(first, second, 4, 12, 5, 13, 6, 14, 7, 15);
          const low = v128.load32_splat(weights + (<usize>t << 1));
          const up = v128.load32_splat(high + (<usize>t << 1));
          l0 = i32x4.add(l0, i32x4.dot_i16x8_s(even, low));
          l1 = i32x4.add(l1, i32x4.dot_i16x8_s(odd, low));
          h0 = i32x4.add(h0, i32x4.dot_i16x8_s(even, up));
          h1 = i32x4.add(h1, i32x4.dot_i16x8_s(odd, up));
        }
        a = i64x2.add(a, joined(i64x2.extend_low_i32x4_s(h0), i64x2.extend_low_i32x4_s(l0)));
        b = i64x2.add(b, joined(i64x2.extend_high_i32x4_s(h0), i64x2.extend_high_i32x4_s(l0)));
        c = i64x2.add(c, joined(i64x2.extend_low_i32x4_s(h1), i64x2.extend_low_i32x4_s(l1)));
        d = i64x2.add(d, joined(i64x2.extend_high_i32x4_s(h1), i64x2.extend_high_i32x4_s(l1)));
      }
      const o = out + (<usize>i << 2);
      divide2(a, total, o);
      divide2(b, total, o + 8);
      divide2(c, total, o + 16);
      divide2(d, total, o + 24);
    }
    return;
  }
  for (let i = 0; i < size; i++) {
    let sum: i64 = 0;
    for (let t = 0; t < count; t++)
      sum += <i64>load<i32>(weights + (<usize>t << 2)) * <i64>load<i16>(values + <usize>t * stride + (<usize>i << 1));
    store<i32>(out + (<usize>i << 2), <i32>rdiv(sum, total));
  }
}

/** Bytes of one half of the weights, 16 bits each, an even number of them. */
// @ts-ignore: decorator
@inline
function halfBytes(count: i32): usize {
  return <usize>((count + 1) & -2) << 1;
}

// @ts-ignore: decorator
@inline
function joined(high: v128, low: v128): v128 {
  return i64x2.add(i64x2.shl(high, 12), low);
}

function mixWide(weights: usize, values: usize, stride: i32, count: i32, size: i32, total: i64, out: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let i = 0; i < size; i += 8) {
      let a = i64x2.splat(0), b = a, c = a, d = a;
      let v = values + (<usize>i << 2);
      for (let t = 0; t < count; t++, v += stride) {
        const e = v128.load32_splat(weights + (<usize>t << 2));
        const low = v128.load(v), high = v128.load(v, 16);
        a = i64x2.add(a, i64x2.extmul_low_i32x4_s(low, e));
        b = i64x2.add(b, i64x2.extmul_high_i32x4_s(low, e));
        c = i64x2.add(c, i64x2.extmul_low_i32x4_s(high, e));
        d = i64x2.add(d, i64x2.extmul_high_i32x4_s(high, e));
      }
      const o = out + (<usize>i << 2);
      divide2(a, total, o);
      divide2(b, total, o + 8);
      divide2(c, total, o + 16);
      divide2(d, total, o + 24);
    }
    return;
  }
  for (let i = 0; i < size; i++) {
    let sum: i64 = 0;
    for (let t = 0; t < count; t++)
      sum += <i64>load<i32>(weights + (<usize>t << 2)) * <i64>load<i32>(values + <usize>t * stride + (<usize>i << 2));
    store<i32>(out + (<usize>i << 2), <i32>rdiv(sum, total));
  }
}

// @ts-ignore: decorator
@inline
function divide2(sums: v128, total: i64, out: usize): void {
  store<i32>(out, <i32>rdiv(i64x2.extract_lane(sums, 0), total));
  store<i32>(out, <i32>rdiv(i64x2.extract_lane(sums, 1), total), 4);
}
