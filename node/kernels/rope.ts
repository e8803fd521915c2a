import { rshr, sat } from './integers';

/** X-28 for all pairs at one position: `out` holds cos and sin, i32 each, pair by pair; `frequencies` u64. */
export function angles(frequencies: usize, position: i32, pairs: i32, out: usize): void {
  for (let i = 0; i < pairs; i++) {
    const a = load<u64>(frequencies + (<usize>i << 3)) * <u64>position;
    const quarter = <i32>(a >> 62);
    let t = <i64>((a & 0x3fffffffffffffff) >> 31);
    const isFolded = t > 0x40000000;
    if (isFolded) t = 0x80000000 - t;
    const th = rshr(t * 1686629713, 31);
    const w = rshr(th * th, 30);
    let s: i64 = -27;
    s = 2959 + rshr(w * s, 30);
    s = -213044 + rshr(w * s, 30);
    s = 8947849 + rshr(w * s, 30);
    s = -178956971 + rshr(w * s, 30);
    s = 1073741824 + rshr(w * s, 30);
    s = rshr(rshr(th * s, 30), 16);
    let c: i64 = -296;
    c = 26631 + rshr(w * c, 30);
    c = -1491308 + rshr(w * c, 30);
    c = 44739243 + rshr(w * c, 30);
    c = -536870912 + rshr(w * c, 30);
    c = 1073741824 + rshr(w * c, 30);
    c = rshr(c, 16);
    const cos = <i32>(isFolded ? s : c);
    const sin = <i32>(isFolded ? c : s);
    const to = out + (<usize>i << 3);
    store<i32>(to, quarter == 0 ? cos : quarter == 1 ? -sin : quarter == 2 ? -cos : sin);
    store<i32>(to, quarter == 0 ? sin : quarter == 1 ? cos : quarter == 2 ? -sin : -cos, 4);
  }
}

/** turns `heads` heads of `size` values from i32 at 16 bits into i16 (narrow) or i32 (wide); `shift` is 30 - F. */
export function rotate(y: usize, heads: i32, size: i32, halves: i32, table: usize, shift: i32, max: i32, wide: i32, out: usize): void {
  const pairs = size >> 1;
  const second = halves != 0 ? pairs : 1;
  const step = halves != 0 ? 1 : 2;
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < pairs; i++) {
      const p = h * size + i * step;
      const q = p + second;
      const c = <i64>load<i32>(table + (<usize>i << 3));
      const s = <i64>load<i32>(table + (<usize>i << 3), 4);
      const a = <i64>load<i32>(y + (<usize>p << 2));
      const b = <i64>load<i32>(y + (<usize>q << 2));
      put(out, p, <i32>sat(rshr(a * c - b * s, shift), max), wide);
      put(out, q, <i32>sat(rshr(a * s + b * c, shift), max), wide);
    }
  }
}

/** Stores i32 values as the cache holds them. */
export function narrowTo(y: usize, n: i32, wide: i32, out: usize): void {
  for (let i = 0; i < n; i++) put(out, i, load<i32>(y + (<usize>i << 2)), wide);
}

// @ts-ignore: decorator
@inline
function put(out: usize, i: i32, v: i32, wide: i32): void {
  if (wide != 0) store<i32>(out + (<usize>i << 2), v);
  else store<i16>(out + (<usize>i << 1), <i16>v);
}
