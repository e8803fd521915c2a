//! Stake is counted in units. A unit is worth `slash_index / WHOLE` of what it was made from, so that slashing a participant is one
//! number, whatever the number of its stakers, and rounding is always to the loss of who takes out.
use super::mul_div::{mul_div, mul_wide, Wide};
use crate::error::KarmaError;
use pinocchio::error::ProgramError;

/// The index of what was never slashed.
pub const WHOLE: u64 = 1 << 60;
/// Below this part of `WHOLE` (1/1024) nobody can stake any more: a unit would be worth too little to count in.
pub const LEAST_INDEX: u64 = 1 << 50;

/// `floor(units x index / WHOLE)`.
#[inline(always)]
pub fn value_of(units: u64, index: u64) -> Result<u64, ProgramError> {
    if index == WHOLE {
        return Ok(units);
    }
    let Wide { high, low } = mul_wide(units, index);
    // The index is at most WHOLE, so that the product is below 2^124 and this fits.
    Ok((high << 4) | (low >> 60))
}

/// The most units that `value` pays for: `floor(value x WHOLE / index)`, which are worth `value` or less.
#[inline(always)]
pub fn units_for(value: u64, index: u64) -> Result<u64, ProgramError> {
    if index == WHOLE {
        return Ok(value);
    }
    mul_div(value, WHOLE, index)
}

/// The fewest units that are worth `value` or more: `ceil(value x WHOLE / index)`.
#[inline(always)]
pub fn units_covering(value: u64, index: u64) -> Result<u64, ProgramError> {
    let units = units_for(value, index)?;
    if value_of(units, index)? == value {
        return Ok(units);
    }
    units.checked_add(1).ok_or(KarmaError::Overflow.into())
}

/// A part with 32 bits behind the point.
#[derive(Clone, Copy)]
pub struct Share(u64);

impl Share {
    /// Lamports of weight per base unit of the token, times 2^32.
    #[inline(always)]
    pub fn of_rate(rate: u64) -> Self {
        Self(rate)
    }

    /// `floor(amount x rate / 2^32)`, or `Overflow`.
    #[inline(always)]
    pub fn of(self, amount: u64) -> Result<u64, ProgramError> {
        let Wide { high, low } = mul_wide(amount, self.0);
        if high >> 32 != 0 {
            return Err(KarmaError::Overflow.into());
        }
        Ok((high << 32) | (low >> 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEXES: [u64; 7] =
        [WHOLE, WHOLE - 1, WHOLE / 2, WHOLE / 3, 2 * LEAST_INDEX + 1, LEAST_INDEX, WHOLE / 10 * 9];
    const VALUES: [u64; 9] = [0, 1, 2, 3, 999, 1_000_000_007, 1 << 40, (1 << 52) + 1, 600_000_000_000_000_000 >> 10];

    #[test]
    fn p_29_rounding_never_makes_value() {
        for index in INDEXES {
            for value in VALUES {
                let bought = units_for(value, index).unwrap();
                assert!(value_of(bought, index).unwrap() <= value, "{value} at {index}");
                let burned = units_covering(value, index).unwrap();
                assert!(value_of(burned, index).unwrap() >= value, "{value} at {index}");
                assert!(burned == 0 || value_of(burned - 1, index).unwrap() < value, "{value} at {index}");
                let exact = bought as u128 * index as u128 / WHOLE as u128;
                assert_eq!(value_of(bought, index).unwrap() as u128, exact);
            }
        }
    }

    #[test]
    fn p_29_parts_are_worth_no_more_than_the_whole() {
        for index in INDEXES {
            for value in VALUES {
                let whole = value_of(value, index).unwrap();
                let (a, b) = (value / 3, value - value / 3);
                assert!(value_of(a, index).unwrap() + value_of(b, index).unwrap() <= whole);
            }
        }
    }

    #[test]
    fn p_28_tokens_weigh_by_their_rate() {
        assert_eq!(Share::of_rate(1 << 32).of(77).unwrap(), 77);
        assert_eq!(Share::of_rate(1 << 31).of(77).unwrap(), 38);
        assert_eq!(Share::of_rate(0).of(77).unwrap(), 0);
        assert!(Share::of_rate(u64::MAX).of(u64::MAX).is_err());
    }
}
