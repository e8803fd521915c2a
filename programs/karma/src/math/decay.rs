//! K-06: karma decays by half-lives in fixed point, bit for bit as sdk/src/protocol/karma.ts computes it.
use super::mul_div::{mul_div, mul_wide};
use pinocchio::error::ProgramError;

/// `floor(2^32 x 2^(-2^-k))` for k = 1 to 24.
const HALVING_FACTORS: [u64; 24] = [
    3037000499, 3611622602, 3938502375, 4112874773, 4202935003, 4248701964, 4271771996, 4283353945, 4289156690,
    4292061009, 4293513906, 4294240539, 4294603902, 4294785595, 4294876444, 4294921870, 4294944583, 4294955939,
    4294961617, 4294964456, 4294965876, 4294966586, 4294966941, 4294967118,
];

/// What is left of `karma` after `elapsed` slots: whole half-lives shift right, the rest is a fraction of 24 bits of which each
/// set bit is one multiplication by a factor of 32 bits. Always rounds down. A half-life of zero means no decay.
#[inline(never)]
pub fn decay(karma: u64, elapsed: u64, half_life: u64) -> Result<u64, ProgramError> {
    if half_life == 0 {
        return Ok(karma);
    }
    let whole = elapsed / half_life;
    if whole >= 64 {
        return Ok(0);
    }
    let fraction = mul_div(elapsed % half_life, 1 << 24, half_life)?;
    let mut out = karma >> whole;
    let mut bit = 23u32;
    for factor in HALVING_FACTORS {
        if (fraction >> bit) & 1 == 1 {
            let product = mul_wide(out, factor);
            out = (product.high << 32) | (product.low >> 32);
        }
        bit = bit.wrapping_sub(1);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_06_vectors() {
        let vectors = crate::vectors::read("karma");
        for case in vectors["decay"]["cases"].as_array().unwrap() {
            let read = |name: &str| crate::vectors::number(&case[name]);
            let decayed = decay(read("karma"), read("elapsedSlots"), read("halfLifeSlots")).unwrap();
            assert_eq!(decayed, read("decayed"), "{case}");
        }
        let factors: Vec<u64> =
            vectors["halvingFactors"]["values"].as_array().unwrap().iter().map(crate::vectors::number).collect();
        assert_eq!(HALVING_FACTORS.to_vec(), factors);
    }

    #[test]
    fn k_06_half_lives() {
        assert_eq!(decay(1_000_000, 0, 100).unwrap(), 1_000_000);
        assert_eq!(decay(1_000_000, 100, 100).unwrap(), 500_000);
        assert_eq!(decay(1_000_000, 50, 100).unwrap(), 707_106);
        assert_eq!(decay(u64::MAX, 6_400, 100).unwrap(), 0);
        assert_eq!(decay(u64::MAX, u64::MAX, u64::MAX).unwrap(), u64::MAX >> 1);
        assert_eq!(decay(7, 3, 0).unwrap(), 7);
    }
}
