//! The strict two thirds that votes of this program need, and the strict half that a pause needs.

/// True if `stake` is more than two thirds of `total`: `3 x stake > 2 x total`.
#[inline(always)]
pub fn is_quorum(stake: u64, total: u64) -> bool {
    // Lamports in existence leave room for the factors: 6 x 10^17 x 3 < 2^64. Saturation can only refuse.
    let thrice = stake.saturating_add(stake).saturating_add(stake);
    let twice = total.saturating_add(total);
    thrice > twice
}

/// True if `stake` is more than half of `total`.
#[inline(always)]
pub fn is_majority(stake: u64, total: u64) -> bool {
    stake.saturating_add(stake) > total
}
