//! Sums and differences that fail with `Overflow` instead of wrapping.
use crate::error::KarmaError;
use pinocchio::error::ProgramError;

#[inline(always)]
pub fn add(a: u64, b: u64) -> Result<u64, ProgramError> {
    a.checked_add(b).ok_or(KarmaError::Overflow.into())
}

#[inline(always)]
pub fn sub(a: u64, b: u64) -> Result<u64, ProgramError> {
    a.checked_sub(b).ok_or(KarmaError::Overflow.into())
}

/// One more. Counters of registrations and votes are 32 bits wide.
#[inline(always)]
pub fn increment(value: u32) -> Result<u32, ProgramError> {
    value.checked_add(1).ok_or(KarmaError::Overflow.into())
}
