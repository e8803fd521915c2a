//! Products of 64-bit integers by limbs of 32 bits: the target's compiler has no 128-bit multiplication, and a checked 64-bit
//! one goes through it.
use crate::error::KarmaError;
use pinocchio::error::ProgramError;

const LOW: u64 = 0xffff_ffff;

/// A 128-bit product. Ordered by value, because `high` comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wide {
    pub high: u64,
    pub low: u64,
}

/// `a x b` in full.
#[inline(never)]
pub fn mul_wide(a: u64, b: u64) -> Wide {
    // The optimiser knows this pattern and would turn it into the 128-bit multiplication that the back end lacks.
    let (a0, a1) = (core::hint::black_box(a & LOW), a >> 32);
    let (b0, b1) = (core::hint::black_box(b & LOW), b >> 32);
    // No product of two 32-bit limbs leaves 64 bits, and no sum below does either.
    let low = a0.wrapping_mul(b0);
    let left = a1.wrapping_mul(b0);
    let right = a0.wrapping_mul(b1);
    let middle = (low >> 32).wrapping_add(left & LOW).wrapping_add(right & LOW);
    let high = a1.wrapping_mul(b1).wrapping_add(left >> 32).wrapping_add(right >> 32).wrapping_add(middle >> 32);
    Wide { high, low: (middle << 32) | (low & LOW) }
}

/// `a x b`, or `Overflow` if it leaves 64 bits.
#[inline(always)]
pub fn mul(a: u64, b: u64) -> Result<u64, ProgramError> {
    let product = mul_wide(a, b);
    if product.high == 0 {
        Ok(product.low)
    } else {
        Err(KarmaError::Overflow.into())
    }
}

/// `floor(a x b / divisor)`, or `Overflow` if that leaves 64 bits or the divisor is zero. Long division bit by bit: at most 64 steps.
#[inline(never)]
pub fn mul_div(a: u64, b: u64, divisor: u64) -> Result<u64, ProgramError> {
    let Wide { high, low } = mul_wide(a, b);
    if divisor == 0 || high >= divisor {
        return Err(KarmaError::Overflow.into());
    }
    if high == 0 {
        return Ok(low / divisor);
    }
    let mut remainder = high;
    let mut rest = low;
    let mut quotient = 0u64;
    for _ in 0..64 {
        let carry = remainder >> 63;
        remainder = (remainder << 1) | (rest >> 63);
        rest <<= 1;
        quotient <<= 1;
        // With a carry the remainder has 65 bits and exceeds every divisor.
        if carry != 0 || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Ok(quotient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges of the limbs and a fixed pseudo-random sequence (SplitMix64).
    fn samples() -> Vec<u64> {
        let mut out = vec![0, 1, 2, 3, LOW - 1, LOW, LOW + 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];
        let mut state = 42u64;
        for _ in 0..120 {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            out.push((z ^ (z >> 31)) >> (out.len() % 64));
        }
        out
    }

    #[test]
    fn agrees_with_the_host_s_128_bits() {
        let samples = samples();
        for &a in &samples {
            for &b in &samples {
                let product = a as u128 * b as u128;
                assert_eq!(mul_wide(a, b), Wide { high: (product >> 64) as u64, low: product as u64 }, "{a} x {b}");
                assert_eq!(mul(a, b).ok(), u64::try_from(product).ok(), "{a} x {b}");
                for &divisor in &samples {
                    let expected = product.checked_div(divisor as u128).and_then(|value| u64::try_from(value).ok());
                    assert_eq!(mul_div(a, b, divisor).ok(), expected, "{a} x {b} / {divisor}");
                }
            }
        }
    }
}
