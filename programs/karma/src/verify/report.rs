//! P-18: what a report states.
use crate::{instruction::Arguments, state::Key};
use pinocchio::error::ProgramError;

pub const REPORT_BYTES: usize = 228;

/// A report's fields, in order.
pub struct Report<'a> {
    pub root: &'a Key,
    pub totals: [u64; 6],
    pub participant_count: u32,
    pub settlements_root: &'a Key,
    pub settlements_total: u64,
    pub escrow_count: u32,
    pub carried_root: &'a Key,
    pub carried_count: u32,
    pub prior_root: &'a Key,
    pub claims_root: &'a Key,
}

impl<'a> Report<'a> {
    #[inline(never)]
    pub fn read(bytes: &'a [u8; REPORT_BYTES]) -> Result<Self, ProgramError> {
        let mut fields = Arguments::new(bytes);
        let report = Self {
            root: fields.bytes()?,
            totals: fields.u64s()?,
            participant_count: fields.u32()?,
            settlements_root: fields.bytes()?,
            settlements_total: fields.u64()?,
            escrow_count: fields.u32()?,
            carried_root: fields.bytes()?,
            carried_count: fields.u32()?,
            prior_root: fields.bytes()?,
            claims_root: fields.bytes()?,
        };
        fields.finish()?;
        Ok(report)
    }
}
