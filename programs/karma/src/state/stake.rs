//! Stake: what one staker has behind one participant, in lamports or in the cluster's token.
use super::{participant::Participant, Account, Key};
use crate::{
    error::{require, KarmaError},
    math::{checked::add, rewards::earned, units::Share},
};
use core::mem::{offset_of, size_of};
use pinocchio::error::ProgramError;

/// What a stake is counted in.
pub const LAMPORTS: u8 = 0;
pub const TOKENS: u8 = 1;

#[repr(C)]
pub struct Stake {
    pub discriminator: [u8; 8],
    pub participant: Key,
    pub staker: Key,
    pub asset: u8,
    pub bump: u8,
    pub padding0: [u8; 6],
    pub units: u64,
    /// The participant's `reward_per_unit` when this account was last brought up to date.
    pub reward_per_unit: [u64; 2],
    /// Lamports earned up to then and not collected.
    pub reward_lamports: u64,
    /// Units on their way out, all of the last request, and those of them that were paid out.
    pub unbonding_units: u64,
    pub released_units: u64,
    pub unbonding_from_slot: u64,
    pub reserved: [u8; 48],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Stake {
    const DISCRIMINATOR: [u8; 8] = [150, 197, 176, 29, 55, 132, 112, 149];
}

const _: () = assert!(size_of::<Stake>() == 184);
const _: () = assert!(offset_of!(Stake, units) == 80);
const _: () = assert!(offset_of!(Stake, unbonding_units) == 112);

impl Stake {
    /// `BadPda` unless this is a stake behind `participant`.
    #[inline(always)]
    pub fn require_of(&self, participant: &Key) -> Result<(), ProgramError> {
        require(self.participant == *participant, KarmaError::BadPda)
    }

    /// Units that earn: those of tokens count by the cluster's rate.
    #[inline(always)]
    pub fn earning_units(&self, token_rate: u64) -> Result<u64, ProgramError> {
        match self.asset {
            LAMPORTS => Ok(self.units),
            _ => Share::of_rate(token_rate).of(self.units),
        }
    }

    /// P-31: adds what this stake earned since it was last touched. To be called before its units change.
    #[inline(never)]
    pub fn sync_rewards(&mut self, participant: &Participant, token_rate: u64) -> Result<(), ProgramError> {
        let units = self.earning_units(token_rate)?;
        let due = earned(units, self.reward_per_unit, participant.reward_per_unit)?;
        self.reward_lamports = add(self.reward_lamports, due)?;
        self.reward_per_unit = participant.reward_per_unit;
        Ok(())
    }
}
