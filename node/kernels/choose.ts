import { rdiv, rshr } from './integers';

/** the ids of the `k` highest of n logits (i32), in order; returns how many there are. `out` takes u32 ids, then i32 logits from `out + 4k` on. */
export function top(logits: usize, n: i32, k: i32, out: usize): i32 {
  const values = out + (<usize>k << 2);
  let count = 0;
  let worst = i32.MIN_VALUE;
  for (let id = 0; id < n; id++) {
    const v = load<i32>(logits + (<usize>id << 2));
    if (count == k && v <= worst) continue;
    let at = count < k ? count++ : k - 1;
    while (at > 0 && load<i32>(values + (<usize>(at - 1) << 2)) < v) {
      store<i32>(values + (<usize>at << 2), load<i32>(values + (<usize>(at - 1) << 2)));
      store<u32>(out + (<usize>at << 2), load<u32>(out + (<usize>(at - 1) << 2)));
      at--;
    }
    store<i32>(values + (<usize>at << 2), v);
    store<u32>(out + (<usize>at << 2), id);
    worst = load<i32>(values + (<usize>(count - 1) << 2));
  }
  return count;
}

/** The upper 64 bits of a product, and in `lower` the others. */
let lower: u64 = 0;
function square(y: u64): u64 {
  const h = y >> 32;
  const l = y & 0xffffffff;
  const ll = l * l;
  const hl = h * l;
  const middle = (hl << 1) & 0xffffffff;
  const sum = (ll >> 32) + middle;
  lower = (sum << 32) | (ll & 0xffffffff);
  return h * h + (hl >> 31) + (sum >> 32);
}

/** the logarithm to base 2 of x >= 1 with n fraction bits. */
function log(x: u64, n: i32): u64 {
  const zeros = <i32>clz(x);
  let l: u64 = 63 - zeros;
  let y = x << zeros;
  for (let i = 0; i < n; i++) {
    const high = square(y);
    if (high >> 63 != 0) {
      l = 2 * l + 1;
      y = high;
    } else {
      l = 2 * l;
      y = (high << 1) | (lower >> 63);
    }
  }
  return l;
}

/** X-31 from the first 52 bits of a digest: `first` its first 32 bits, `then` the next 20. The result has 20 fraction bits. */
export function noise(first: u32, then: u32): i32 {
  const k = (<u64>first << 20) | <u64>then;
  const a = (<u64>53 << 57) - log(2 * k + 1, 57);
  const b = (<i64>57 << 57) - <i64>(log(a, 30) << 27) + 76203265285142068;
  return <i32>rshr(rshr(b, 33) * 744261118, 34);
}

/** what a logit counts at a temperature, without noise. */
export function scaled(logit: i32, temperatureMicro: u32): f64 {
  return <f64>rdiv(<i64>logit * 1000000, <i64>temperatureMicro);
}
