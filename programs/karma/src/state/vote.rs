//! Vote: what one validator did in one epoch.
use super::{Account, Key};
use crate::{
    error::{require, KarmaError},
    math::checked::add,
};
use pinocchio::error::ProgramError;

pub const ATTESTED: u8 = 1;
pub const SALT_REVEALED: u8 = 2;
pub const SEALED: u8 = 4;
pub const REVEALED: u8 = 8;
/// An offence of this vote was proven: it earns nothing.
pub const ACCUSED: u8 = 16;
/// The seal came when reports could be read on chain: what it opens to earns nothing.
pub const LATE: u8 = 32;

#[repr(C)]
pub struct Vote {
    pub discriminator: [u8; 8],
    pub validator: Key,
    pub epoch: u64,
    pub stake: u64,
    pub flags: u8,
    pub bump: u8,
    pub padding0: [u8; 2],
    pub seal_attempt: u32,
    pub salt_hash: Key,
    pub seal: Key,
    pub report_hash: Key,
    /// The identity that paid the rent and gets it back.
    pub payer: Key,
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Vote {
    const DISCRIMINATOR: [u8; 8] = [96, 91, 104, 57, 145, 35, 172, 155];
}

const _: () = assert!(core::mem::size_of::<Vote>() == 192);

impl Vote {
    #[inline(always)]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// P-32: who attests and then keeps its salt to itself is not paid for this epoch.
    #[inline(always)]
    pub fn keeps_pay(&self) -> bool {
        !self.has(ATTESTED) || self.has(SALT_REVEALED)
    }

    /// P-32: the points of this vote in an epoch whose report is `report_hash`: its stake, once for a revealed salt and twice for
    /// having revealed that report, which it sealed before anybody could read it there.
    #[inline(always)]
    pub fn points(&self, report_hash: &Key) -> Result<u64, ProgramError> {
        if !self.keeps_pay() || self.has(ACCUSED) {
            return Ok(0);
        }
        let salt = if self.has(SALT_REVEALED) { self.stake } else { 0 };
        let won = self.has(REVEALED) && self.report_hash == *report_hash && !self.has(LATE);
        let report = if won { self.stake } else { 0 };
        add(salt, add(report, report)?)
    }

    /// `BadPda` unless this is the vote of `validator` in `epoch`.
    #[inline(always)]
    pub fn require_of(&self, validator: &Key, epoch: u64) -> Result<(), ProgramError> {
        require(self.validator == *validator && self.epoch == epoch, KarmaError::BadPda)
    }
}
