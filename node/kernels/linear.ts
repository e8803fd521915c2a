import { rshr, sat } from './integers';
import { groupWidth } from './pack';

/**
 * X-22 with what follows it in one pass over the weights. A matrix is described by a record of i32 fields in memory, made once:
 * weights in tiles of eight rows as X-50 has them, so that a lane of a vector is a row and no sum runs across lanes.
 */
const Q: usize = 0;
const MULT: usize = 4;
const T: usize = 8;
const TILES: usize = 12;
const COLS: usize = 16;
/** Fin - Fout. */
const SHIFT: usize = 20;
/** The limit of sat. */
const MAX: usize = 24;
/** i32 for each row, or 0. */
const BIAS: usize = 28;
const BIAS_SHIFT: usize = 32;
/** 1: add to what stands in the output. */
const ADD: usize = 36;
const LIMBS: usize = 40;

/**
 * Runs the tiles `part` of `parts` over packed activations. The output has i32 for each row, padding included, `stride` bytes a token;
 * `sums` is room for 32 i64 of this part alone.
 */
export function linearPart(d: usize, tokens: i32, x: usize, out: usize, stride: i32, part: i32, parts: i32, sums: usize): void {
  const tiles = load<i32>(d, TILES);
  const cols = load<i32>(d, COLS);
  const limbs = load<i32>(d, LIMBS);
  const lanes = tokens * limbs;
  const width = groupWidth(lanes);
  const groups = (lanes + width - 1) / width;
  const groupBytes = <usize>cols * <usize>(width << 1);
  const tileBytes = <usize>cols << 3;
  const multBytes = <usize>(cols >> 1);
  const from = <i32>((<i64>tiles * part) / parts);
  const to = <i32>((<i64>tiles * (part + 1)) / parts);
  const tokensInGroup = width / limbs;
  for (let tile = from; tile < to; tile++) {
    const q = <usize>load<i32>(d, Q) + <usize>tile * tileBytes;
    const mult = <usize>load<i32>(d, MULT) + <usize>tile * multBytes;
    for (let g = 0; g < groups; g++) {
      const xg = x + <usize>g * groupBytes;
      if (width == 4) lanes4(q, mult, xg, cols, sums);
      else if (width == 2) lanes2(q, mult, xg, cols, sums);
      else lanes1(q, mult, xg, cols, sums);
      const first = g * tokensInGroup;
      const count = min(tokensInGroup, tokens - first);
      for (let t = 0; t < count; t++) {
        const at = out + <usize>(first + t) * stride + (<usize>tile << 5);
        finish(d, tile, limbs, sums + (<usize>(t * limbs) << 6), at);
      }
    }
  }
}

/** From the sums of eight rows to their results. */
// @ts-ignore: decorator
@inline
function finish(d: usize, tile: i32, limbs: i32, sums: usize, out: usize): void {
  const shift = load<i32>(d, SHIFT);
  const limit = <i64>load<i32>(d, MAX);
  const bias = <usize>load<i32>(d, BIAS);
  const biasShift = load<i32>(d, BIAS_SHIFT);
  const add = load<i32>(d, ADD) != 0;
  const t = <usize>load<i32>(d, T) + (<usize>tile << 5);
  for (let r: usize = 0; r < 8; r++) {
    let acc = load<i64>(sums + (r << 3));
    if (limbs == 2) acc = (acc << 15) + load<i64>(sums + (r << 3), 64);
    let y = rshr(acc, load<i32>(t + (r << 2)) + shift);
    if (bias != 0) y += rshr(<i64>load<i32>(bias + (<usize>tile << 5) + (r << 2)), biasShift);
    if (add) y += <i64>load<i32>(out + (r << 2));
    store<i32>(out + (r << 2), <i32>sat(y, limit));
  }
}

function lanes1(q: usize, mult: usize, x: usize, cols: i32, sums: usize): void {
  if (!ASC_FEATURE_SIMD) return scalar(q, mult, x, cols, 1, sums);
  const groups = cols >> 5;
  let s0 = i64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (let b = 0; b < groups; b++) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
    for (let j = 0; j < 4; j++) {
      let v = v128.load32_splat(x);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(q), v));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 8), v));
      v = v128.load32_splat(x, 4);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 16), v));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 24), v));
      v = v128.load32_splat(x, 8);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 32), v));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 40), v));
      v = v128.load32_splat(x, 12);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 48), v));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load_ext<i8>(q, 56), v));
      q += 64;
      x += 16;
    }
    a0 = i32x4.add(a0, b0);
    a1 = i32x4.add(a1, b1);
    const m0 = v128.load_ext<i16>(mult);
    const m1 = v128.load_ext<i16>(mult, 8);
    mult += 16;
    s0 = i64x2.add(s0, i64x2.extmul_low_i32x4_s(a0, m0));
    s1 = i64x2.add(s1, i64x2.extmul_high_i32x4_s(a0, m0));
    s2 = i64x2.add(s2, i64x2.extmul_low_i32x4_s(a1, m1));
    s3 = i64x2.add(s3, i64x2.extmul_high_i32x4_s(a1, m1));
  }
  v128.store(sums, s0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
}

function lanes2(q: usize, mult: usize, x: usize, cols: i32, sums: usize): void {
  if (!ASC_FEATURE_SIMD) return scalar(q, mult, x, cols, 2, sums);
  const groups = cols >> 5;
  let s0 = i64x2.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  for (let b = 0; b < groups; b++) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
    for (let j = 0; j < 8; j++) {
      let h = v128.load32_splat(x), l = v128.load32_splat(x, 4);
      let v = v128.load_ext<i8>(q), u = v128.load_ext<i8>(q, 8);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v, h));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v, l));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(u, h));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(u, l));
      h = v128.load32_splat(x, 8);
      l = v128.load32_splat(x, 12);
      v = v128.load_ext<i8>(q, 16);
      u = v128.load_ext<i8>(q, 24);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v, h));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v, l));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(u, h));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(u, l));
      q += 32;
      x += 16;
    }
    const m0 = v128.load_ext<i16>(mult);
    const m1 = v128.load_ext<i16>(mult, 8);
    mult += 16;
    s0 = i64x2.add(s0, i64x2.extmul_low_i32x4_s(a0, m0));
    s1 = i64x2.add(s1, i64x2.extmul_high_i32x4_s(a0, m0));
    s2 = i64x2.add(s2, i64x2.extmul_low_i32x4_s(a1, m1));
    s3 = i64x2.add(s3, i64x2.extmul_high_i32x4_s(a1, m1));
    t0 = i64x2.add(t0, i64x2.extmul_low_i32x4_s(b0, m0));
    t1 = i64x2.add(t1, i64x2.extmul_high_i32x4_s(b0, m0));
    t2 = i64x2.add(t2, i64x2.extmul_low_i32x4_s(b1, m1));
    t3 = i64x2.add(t3, i64x2.extmul_high_i32x4_s(b1, m1));
  }
  v128.store(sums, s0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
  v128.store(sums, t0, 64);
  v128.store(sums, t1, 80);
  v128.store(sums, t2, 96);
  v128.store(sums, t3, 112);
}

function lanes4(q: usize, mult: usize, x: usize, cols: i32, sums: usize): void {
  if (!ASC_FEATURE_SIMD) return scalar(q, mult, x, cols, 4, sums);
  const groups = cols >> 5;
  for (let i: usize = 0; i < 256; i += 16) v128.store(sums + i, i64x2.splat(0));
  for (let b = 0; b < groups; b++) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    for (let j = 0; j < 16; j++) {
      const v = v128.load_ext<i8>(q);
      const u = v128.load_ext<i8>(q, 8);
      let h = v128.load32_splat(x);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v, h));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(u, h));
      h = v128.load32_splat(x, 4);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v, h));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(u, h));
      h = v128.load32_splat(x, 8);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v, h));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(u, h));
      h = v128.load32_splat(x, 12);
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(v, h));
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(u, h));
      q += 16;
      x += 16;
    }
    const m0 = v128.load_ext<i16>(mult);
    const m1 = v128.load_ext<i16>(mult, 8);
    mult += 16;
    addLane(sums, a0, a1, m0, m1);
    addLane(sums + 64, b0, b1, m0, m1);
    addLane(sums + 128, c0, c1, m0, m1);
    addLane(sums + 192, d0, d1, m0, m1);
  }
}

// @ts-ignore: decorator
@inline
function addLane(sums: usize, a0: v128, a1: v128, m0: v128, m1: v128): void {
  v128.store(sums, i64x2.add(v128.load(sums), i64x2.extmul_low_i32x4_s(a0, m0)));
  v128.store(sums, i64x2.add(v128.load(sums, 16), i64x2.extmul_high_i32x4_s(a0, m0)), 16);
  v128.store(sums, i64x2.add(v128.load(sums, 32), i64x2.extmul_low_i32x4_s(a1, m1)), 32);
  v128.store(sums, i64x2.add(v128.load(sums, 48), i64x2.extmul_high_i32x4_s(a1, m1)), 48);
}

/** The same sums without vectors. */
function scalar(q: usize, mult: usize, x: usize, cols: i32, lanes: i32, sums: usize): void {
  const groups = cols >> 5;
  for (let l = 0; l < lanes; l++) {
    for (let r = 0; r < 8; r++) {
      let acc: i64 = 0;
      for (let b = 0; b < groups; b++) {
        let sum: i32 = 0;
        for (let j = 0; j < 16; j++) {
          const pair = b * 16 + j;
          const w = q + <usize>(pair * 16 + r * 2);
          const v = x + <usize>((pair * lanes + l) << 2);
          sum += <i32>load<i8>(w) * <i32>load<i16>(v) + <i32>load<i8>(w, 1) * <i32>load<i16>(v, 2);
        }
        acc += <i64>sum * <i64>load<i16>(mult + <usize>((b * 8 + r) << 1));
      }
      store<i64>(sums + <usize>((l * 8 + r) << 3), acc);
    }
  }
}
