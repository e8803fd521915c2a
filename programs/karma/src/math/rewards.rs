//! The accumulator of rewards: what one unit earned since the beginning, as a 128-bit number with 64 bits behind the point. A
//! reward costs one addition whatever the number of stakers (Batog, Boca, Johnson: Scalable Reward Distribution on the
//! Ethereum Blockchain, 2018).
use super::mul_div::{mul_wide, Wide};
use crate::error::KarmaError;
use pinocchio::error::ProgramError;

/// `floor(reward x 2^64 / units)` by long division. `units` is not zero.
#[inline(never)]
pub fn per_unit(reward: u64, units: u64) -> Wide {
    let high = reward / units;
    let mut remainder = reward % units;
    let mut low = 0u64;
    for _ in 0..64 {
        let carry = remainder >> 63;
        remainder <<= 1;
        low <<= 1;
        // With a carry the remainder has 65 bits and exceeds every divisor.
        if carry != 0 || remainder >= units {
            remainder = remainder.wrapping_sub(units);
            low |= 1;
        }
    }
    Wide { high, low }
}

/// The sum of two accumulators, low and high. `Overflow` after 2^64 lamports a unit.
#[inline(always)]
pub fn accumulate(accumulator: [u64; 2], by: Wide) -> Result<[u64; 2], ProgramError> {
    let (low, carry) = accumulator[0].overflowing_add(by.low);
    let high = accumulator[1].checked_add(by.high).and_then(|high| high.checked_add(carry as u64));
    Ok([low, high.ok_or(KarmaError::Overflow)?])
}

/// What `units` earned between two readings: `floor(units x (now - then) / 2^64)`.
#[inline(never)]
pub fn earned(units: u64, then: [u64; 2], now: [u64; 2]) -> Result<u64, ProgramError> {
    let (low, borrow) = now[0].overflowing_sub(then[0]);
    let high = now[1].checked_sub(then[1]).and_then(|high| high.checked_sub(borrow as u64));
    let whole = mul_wide(units, high.ok_or(KarmaError::Overflow)?);
    if whole.high != 0 {
        return Err(KarmaError::Overflow.into());
    }
    whole.low.checked_add(mul_wide(units, low).high).ok_or(KarmaError::Overflow.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_31_agrees_with_the_host_s_128_bits() {
        for (reward, units) in [(1, 3), (10, 3), (7, 7), (u64::MAX, 1), (1, u64::MAX), (123_456_789, 987_654_321_987)] {
            let exact = ((reward as u128) << 64) / units as u128;
            let Wide { high, low } = per_unit(reward, units);
            assert_eq!((high as u128) << 64 | low as u128, exact);
        }
    }

    #[test]
    fn p_31_stakers_never_earn_more_than_the_reward() {
        let mut accumulator = [0, 0];
        let stakes = [1u64, 2, 3, 1_000_000_007, 5_000_000_000_000_000];
        let total: u64 = stakes.iter().sum();
        let mut rewards = 0u64;
        for reward in [1, 999, 1_000_000_000, 17] {
            rewards += reward;
            accumulator = accumulate(accumulator, per_unit(reward, total)).unwrap();
        }
        let paid: u64 = stakes.iter().map(|&units| earned(units, [0, 0], accumulator).unwrap()).sum();
        assert!(paid <= rewards && paid + stakes.len() as u64 >= rewards, "{paid} of {rewards}");
    }

    #[test]
    fn p_31_overflow_is_refused() {
        assert!(accumulate([u64::MAX, u64::MAX], Wide { high: 0, low: 1 }).is_err());
        assert!(earned(2, [0, 0], [0, u64::MAX]).is_err());
        assert!(earned(1, [1, 0], [0, 0]).is_err());
    }
}
