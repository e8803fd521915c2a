//! Vault: holds what escrows settled and pays claims.
use super::{config::Config, Account};
use crate::math::{
    checked::{add, sub},
    mul_div::mul_div,
};
use pinocchio::error::ProgramError;

const BASIS_POINTS: u64 = 10_000;

#[repr(C)]
pub struct Vault {
    pub discriminator: [u8; 8],
    pub bump: u8,
    pub padding0: [u8; 7],
    /// Lamports that escrows settled, in all.
    pub received: u64,
    /// Lamports that claims paid, in all.
    pub paid: u64,
    /// Lamports that final epochs set aside for votes, in all, and those of them that were paid.
    pub rewards: u64,
    pub rewards_paid: u64,
    /// Lamports that votes paid out of the treasury, in all.
    pub treasury_paid: u64,
    /// The epoch that `window_paid` counts claims of.
    pub window_epoch: u64,
    pub window_paid: u64,
    /// Lamports of `received` that became the ledger's: what final epochs settled, in all, and what others had settled that ended.
    pub settled: u64,
    pub reserved: [u8; 32],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Vault {
    const DISCRIMINATOR: [u8; 8] = [211, 8, 232, 43, 2, 152, 117, 119];
}

const _: () = assert!(core::mem::size_of::<Vault>() == 112);

impl Vault {
    /// P-38: what is nobody's yet: settled, and neither owed by the last final totals nor set aside for votes nor paid out. What an
    /// epoch settles does not count before it is final, because the most of it will be owed then.
    #[inline(always)]
    pub fn treasury(&self, config: &Config) -> Result<u64, ProgramError> {
        let left = sub(self.settled, config.last_totals[5])?;
        sub(sub(left, self.rewards)?, self.treasury_paid)
    }

    /// P-38: what claims may still pay in `epoch`: a part of what is owed, so that no root, however wrong, empties the vault at
    /// once; and never more than the last final totals owe in all. Begins a new window with a new epoch.
    #[inline(never)]
    pub fn claimable(&mut self, config: &Config, epoch: u64) -> Result<u64, ProgramError> {
        if self.window_epoch != epoch {
            self.window_epoch = epoch;
            self.window_paid = 0;
        }
        let outstanding = sub(config.last_totals[5], self.paid)?;
        let in_window = add(outstanding, self.window_paid)?;
        // Rounded up, so that the last lamports are not locked in.
        let held_bps = sub(BASIS_POINTS, config.parameters.claim_cap_bps)?;
        let limit = sub(in_window, mul_div(in_window, held_bps, BASIS_POINTS)?)?;
        Ok(limit.saturating_sub(self.window_paid).min(outstanding))
    }
}
