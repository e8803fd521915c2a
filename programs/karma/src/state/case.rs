//! Case: a proven offence and what is left of its slash. It stays, so that one offence is punished once.
use super::{Account, Key};
use crate::math::{mul_div::mul_div, units::WHOLE};
use pinocchio::error::ProgramError;

/// Two signed records that exclude each other (P-44).
pub const DOUBLE_SIGN: u8 = 1;
/// A vote for a report that evidence shows to be false (P-47).
pub const FALSE_VOTE: u8 = 2;
/// A pass of an answer that was planted so that nobody who looks can pass it (P-52).
pub const LAZY_VERDICT: u8 = 3;
/// A vote for a report of which nobody showed what a challenge asked for (P-50).
pub const SILENCE: u8 = 4;

#[repr(C)]
pub struct Case {
    pub discriminator: [u8; 8],
    pub offender: Key,
    /// Names the offence, whatever evidence shows it.
    pub offence_key: Key,
    pub finder: Key,
    /// The escrow of the buyer that was harmed, or zeros.
    pub harmed: Key,
    pub filed_epoch: u64,
    /// What the stake is still to be multiplied by, `WHOLE` when nothing is left to take.
    pub left: u64,
    /// Lamports that left the stake so far.
    pub slashed_lamports: u64,
    pub bps: u16,
    pub kind: u8,
    pub executed: u8,
    pub bump: u8,
    pub padding0: [u8; 3],
    pub reserved: [u8; 8],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Case {
    const DISCRIMINATOR: [u8; 8] = [24, 222, 147, 26, 60, 162, 154, 176];
}

const _: () = assert!(core::mem::size_of::<Case>() == 176);

const BASIS_POINTS: u64 = 10_000;

/// What a slash of so many parts of 10,000 leaves of a stake.
#[inline(always)]
pub fn left_after(bps: u64) -> Result<u64, ProgramError> {
    mul_div(WHOLE, BASIS_POINTS - bps.min(BASIS_POINTS), BASIS_POINTS)
}
