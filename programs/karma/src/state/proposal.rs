//! Proposal: what validators are asked to decide, and the stake that said yes.
use super::{Account, Key, NONE};
use crate::{
    error::{require, KarmaError},
    math::{
        checked::add,
        quorum::{is_majority, is_quorum},
    },
};
use pinocchio::error::ProgramError;

/// Gives a parameter another value.
pub const PARAMETER: u8 = 1;
/// Holds new stake and claims back for some epochs.
pub const PAUSE: u8 = 2;
/// Pays from the treasury.
pub const PAYMENT: u8 = 3;

/// For how many epochs votes are taken, and for how many a passed proposal can be executed.
pub const OPEN_EPOCHS: u64 = 64;
/// A pause is of at most so many epochs. One that passed is executed within as many or not at all: it is for an emergency, and
/// nobody shall keep it in hand.
pub const MOST_PAUSE: u64 = 8;

#[repr(C)]
pub struct Proposal {
    pub discriminator: [u8; 8],
    /// A validator's participant account.
    pub proposer: Key,
    /// The identity that paid the rent and gets it back.
    pub payer: Key,
    /// Whom a payment goes to; zeros in the other kinds.
    pub recipient: Key,
    pub nonce: u64,
    pub value: u64,
    /// Whose weights count.
    pub epoch: u64,
    pub total_stake: u64,
    pub yes_stake: u64,
    /// `NONE` until it has passed.
    pub passed_epoch: u64,
    /// The time lock that held when it passed.
    pub executable_from_epoch: u64,
    /// Of a parameter, its place in docs/protocol.md.
    pub index: u16,
    pub kind: u8,
    pub executed: u8,
    pub bump: u8,
    pub padding0: [u8; 3],
    pub reserved: [u8; 48],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Proposal {
    const DISCRIMINATOR: [u8; 8] = [26, 94, 189, 187, 116, 136, 53, 33];
}

const _: () = assert!(core::mem::size_of::<Proposal>() == 216);
const _: () = assert!(core::mem::offset_of!(Proposal, index) == 160);

impl Proposal {
    #[inline(always)]
    pub fn has_passed(&self) -> bool {
        self.passed_epoch != NONE
    }

    /// Whether more ballots are counted.
    #[inline(always)]
    pub fn takes_votes(&self, current: u64) -> Result<bool, ProgramError> {
        Ok(!self.has_passed() && current <= add(self.epoch, OPEN_EPOCHS)?)
    }

    /// The last epoch in which a passed proposal can be executed.
    #[inline(always)]
    fn executable_until(&self) -> Result<u64, ProgramError> {
        add(self.executable_from_epoch, if self.kind == PAUSE { MOST_PAUSE } else { OPEN_EPOCHS })
    }

    /// Whether nothing can come of it any more.
    #[inline(always)]
    pub fn is_over(&self, current: u64) -> Result<bool, ProgramError> {
        if self.executed != 0 {
            return Ok(true);
        }
        if self.has_passed() {
            return Ok(current > self.executable_until()?);
        }
        Ok(!self.takes_votes(current)?)
    }

    /// Counts a yes. Parameters and payments pass with more than two thirds of the stake and wait out the time lock; a pause
    /// passes with more than half and waits for nothing.
    #[inline(never)]
    pub fn count(&mut self, stake: u64, current: u64, delay_epochs: u64) -> Result<(), ProgramError> {
        self.yes_stake = add(self.yes_stake, stake)?;
        let (passes, delay) = if self.kind == PAUSE {
            (is_majority(self.yes_stake, self.total_stake), 0)
        } else {
            (is_quorum(self.yes_stake, self.total_stake), delay_epochs)
        };
        if passes {
            self.passed_epoch = current;
            self.executable_from_epoch = add(current, delay)?;
        }
        Ok(())
    }

    /// `NotPassed`, `TimeLocked`, or `BadProposal` if it was executed or has waited too long.
    #[inline(never)]
    pub fn require_executable(&self, current: u64) -> Result<(), ProgramError> {
        require(self.executed == 0, KarmaError::BadProposal)?;
        require(self.has_passed(), KarmaError::NotPassed)?;
        require(current >= self.executable_from_epoch, KarmaError::TimeLocked)?;
        require(current <= self.executable_until()?, KarmaError::BadProposal)
    }
}
