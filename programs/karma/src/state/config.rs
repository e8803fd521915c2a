//! Config: the cluster's parameters, who is registered, and what the last finalised epoch left behind.
use super::{bounds, proposal::MOST_PAUSE, weights::Weights, Account, Key, NONE};
use crate::{
    error::{require, KarmaError},
    math::{
        checked::{add, increment, sub},
        mul_div::mul,
    },
};
use core::mem::{offset_of, size_of};
use pinocchio::error::ProgramError;

/// How many parameters there are.
pub const PARAMETERS: usize = 40;
/// How many changes of parameters an old epoch can still be read through.
pub const CHANGES: usize = 4;
/// A change of a parameter is not forgotten for so many epochs.
const REMEMBERED_EPOCHS: u64 = 8;
/// No sum of stakes is above this, so that three of them fit 64 bits.
pub const MOST_STAKE: u64 = u64::MAX / 4;

/// Places of the parameters that the program reads by epoch.
pub mod place {
    pub const CLOSE_DELAY_SLOTS: usize = 1;
    pub const PROPOSER_WINDOW_SLOTS: usize = 2;
    pub const SALT_REVEAL_SLOTS: usize = 3;
    pub const BEACON_DELAY_SLOTS: usize = 4;
    pub const AUDIT_SLOTS: usize = 5;
    pub const CHALLENGE_SLOTS: usize = 6;
    pub const EVIDENCE_EPOCHS: usize = 26;
    pub const VALIDATOR_KARMA_FLOOR: usize = 36;
    pub const KARMA_FLOOR_FROM_EPOCH: usize = 37;
}

/// The parameters, in the order of docs/protocol.md.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Parameters {
    pub slots_per_epoch: u64,
    pub close_delay_slots: u64,
    pub proposer_window_slots: u64,
    pub salt_reveal_slots: u64,
    pub beacon_delay_slots: u64,
    pub audit_slots: u64,
    pub challenge_slots: u64,
    pub min_worker_bond: u64,
    pub min_validator_bond: u64,
    pub min_gateway_bond: u64,
    pub worker_share_bps: u64,
    pub fee_share_bps: u64,
    pub kappa: u64,
    pub seeding_cap: u64,
    pub uptime_cap: u64,
    pub validation_cap: u64,
    /// Slots, in the order of the five karma parts.
    pub half_lives: [u64; 5],
    pub list_price_lamports: u64,
    pub vote_share_bps: u64,
    pub audit_share_bps: u64,
    pub gateway_share_bps: u64,
    pub cool_down_epochs: u64,
    pub evidence_epochs: u64,
    pub slash_delay_epochs: u64,
    pub slash_cap_bps: u64,
    pub double_sign_bps: u64,
    pub false_vote_bps: u64,
    pub silence_bps: u64,
    pub finder_share_bps: u64,
    pub harmed_share_bps: u64,
    pub claim_cap_bps: u64,
    pub proposal_delay_epochs: u64,
    pub validator_karma_floor: u64,
    pub karma_floor_from_epoch: u64,
    pub challenge_answer_slots: u64,
    pub challenge_bond_lamports: u64,
}

/// A parameter that a vote changed: before `from_epoch` it was `before`. All zeros: no change.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Change {
    pub index: u64,
    pub from_epoch: u64,
    pub before: u64,
}

#[repr(C)]
pub struct Config {
    pub discriminator: [u8; 8],
    pub version: u16,
    pub bump: u8,
    pub started: u8,
    pub vault_bump: u8,
    /// Of the account that holds staked tokens; 0 until there is one.
    pub token_vault_bump: u8,
    pub padding0: [u8; 2],
    pub domain: Key,
    pub genesis: Key,
    pub initialiser: Key,
    pub epoch_zero_slot: u64,
    pub participant_count: u32,
    pub worker_count: u32,
    pub gateway_count: u32,
    pub validator_count: u32,
    pub last_finalised_epoch: u64,
    pub last_root: Key,
    /// Five lifetimes and owed.
    pub last_totals: [u64; 6],
    pub offchain_parameters_hash: Key,
    pub parameters: Parameters,
    /// P-28: the weight of all validators.
    pub stake: Weights,
    /// How many validators were registered.
    pub validators: Weights,
    /// The newest first.
    pub changes: [Change; CHANGES],
    /// The token that can be staked beside lamports; zeros: none.
    pub token_mint: Key,
    /// Lamports of weight for each base unit of the token, times 2^32. Nothing changes it.
    pub token_rate: u64,
    /// New stake and claims wait until this epoch begins.
    pub paused_until_epoch: u64,
    /// No pause is voted on before this epoch.
    pub pausable_from_epoch: u64,
    /// The epoch that `slashed_weight` counts.
    pub slash_epoch: u64,
    pub slashed_weight: u64,
    pub reserved: [u8; 152],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Config {
    const DISCRIMINATOR: [u8; 8] = [155, 12, 170, 224, 30, 250, 204, 130];
}

const _: () = assert!(size_of::<Config>() == 1152);
const _: () = assert!(size_of::<Parameters>() == 8 * PARAMETERS);
const _: () = assert!(offset_of!(Config, epoch_zero_slot) == 112);
const _: () = assert!(offset_of!(Config, last_finalised_epoch) == 136);
const _: () = assert!(offset_of!(Config, parameters) == 256);
const _: () = assert!(offset_of!(Config, stake) == 576);
const _: () = assert!(offset_of!(Config, changes) == 832);
const _: () = assert!(offset_of!(Config, token_mint) == 928);

/// Stake and number of the validators that count in an epoch.
#[derive(Clone, Copy)]
pub struct Electorate {
    pub stake: u64,
    pub validators: u32,
}

impl Parameters {
    #[inline(always)]
    pub fn as_array(&self) -> &[u64; PARAMETERS] {
        // SAFETY: repr(C) of `PARAMETERS` integers, which the size assertion pins.
        unsafe { &*(self as *const Self as *const [u64; PARAMETERS]) }
    }

    #[inline(always)]
    pub fn as_array_mut(&mut self) -> &mut [u64; PARAMETERS] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { &mut *(self as *mut Self as *mut [u64; PARAMETERS]) }
    }
}

impl Config {
    /// The epoch of `slot`, or none before `start` and in the slot of `start` itself.
    #[inline(always)]
    pub fn epoch_at(&self, slot: u64) -> Option<u64> {
        if self.started == 0 || slot < self.epoch_zero_slot {
            return None;
        }
        Some((slot - self.epoch_zero_slot) / self.parameters.slots_per_epoch)
    }

    /// The first slot of an epoch. `NotStarted` before `start`.
    #[inline(always)]
    pub fn first_slot(&self, epoch: u64) -> Result<u64, ProgramError> {
        require(self.started != 0, KarmaError::NotStarted)?;
        add(self.epoch_zero_slot, mul(epoch, self.parameters.slots_per_epoch)?)
    }

    /// True if `epoch` lies after the last finalised one.
    #[inline(always)]
    pub fn is_after_last_finalised(&self, epoch: u64) -> bool {
        self.last_finalised_epoch == NONE || epoch > self.last_finalised_epoch
    }

    /// The first epoch that a registration at `slot` can act in.
    #[inline(always)]
    pub fn active_from(&self, slot: u64) -> Result<u64, ProgramError> {
        match self.epoch_at(slot) {
            None => Ok(0),
            Some(epoch) => add(epoch, 1),
        }
    }

    /// Counts a new validator from the next epoch on and returns its position among validators.
    #[inline(always)]
    pub fn add_validator(&mut self, slot: u64) -> Result<u32, ProgramError> {
        let ordinal = self.validator_count;
        self.validator_count = increment(ordinal)?;
        let from = self.active_from(slot)?;
        self.validators.set(from, u64::from(self.validator_count));
        Ok(ordinal)
    }

    /// P-28: one validator's weight changes in the sum of all.
    #[inline(always)]
    pub fn replace_stake(&mut self, from_epoch: u64, before: u64, after: u64) -> Result<(), ProgramError> {
        let sum = add(sub(self.stake.newest(), before)?, after)?;
        require(sum <= MOST_STAKE, KarmaError::Overflow)?;
        self.stake.set(from_epoch, sum);
        Ok(())
    }

    /// Who counts in `epoch`. `TooLate` for an epoch that so many changes followed that it is forgotten.
    #[inline(always)]
    pub fn electorate(&self, epoch: u64) -> Result<Electorate, ProgramError> {
        let validators = u32::try_from(self.validators.at(epoch)?).map_err(|_| KarmaError::Overflow)?;
        Ok(Electorate { stake: self.stake.at(epoch)?, validators })
    }

    /// P-36: the parameter that held in `epoch`, by its place in docs/protocol.md.
    #[inline(never)]
    pub fn parameter_in(&self, index: usize, epoch: u64) -> u64 {
        let mut value = self.parameters.as_array()[index];
        for change in &self.changes {
            if change.from_epoch > epoch && change.index as usize == index {
                value = change.before;
            }
        }
        value
    }

    /// P-36: gives a parameter another value from the next epoch on. `BadParameter` if it may not have it, `BadProposal` if it has
    /// it already, `TimeLocked` if a change of the last eight epochs would be forgotten.
    #[inline(never)]
    pub fn change_parameter(&mut self, index: usize, value: u64, current: u64) -> Result<(), ProgramError> {
        bounds::require_votable(index, value)?;
        let oldest = self.changes[CHANGES - 1].from_epoch;
        require(oldest == 0 || current >= add(oldest, REMEMBERED_EPOCHS)?, KarmaError::TimeLocked)?;
        let before = core::mem::replace(&mut self.parameters.as_array_mut()[index], value);
        require(before != value, KarmaError::BadProposal)?;
        bounds::check(&self.parameters)?;
        for i in (1..CHANGES).rev() {
            self.changes[i] = self.changes[i - 1];
        }
        self.changes[0] = Change { index: index as u64, from_epoch: add(current, 1)?, before };
        Ok(())
    }

    /// P-37: holds new stake and claims back for some epochs, this one included. `TimeLocked` while an earlier pause lasts and for
    /// eight epochs behind it, so that pauses cannot hold anybody for ever.
    #[inline(always)]
    pub fn pause(&mut self, epochs: u64, current: u64) -> Result<(), ProgramError> {
        require(current >= self.pausable_from_epoch, KarmaError::TimeLocked)?;
        self.paused_until_epoch = add(current, epochs)?;
        self.pausable_from_epoch = add(self.paused_until_epoch, MOST_PAUSE)?;
        Ok(())
    }

    /// P-37: `Paused` while a vote holds new stake and claims back.
    #[inline(always)]
    pub fn require_unpaused(&self, slot: u64) -> Result<(), ProgramError> {
        require(self.epoch_at(slot).unwrap_or(0) >= self.paused_until_epoch, KarmaError::Paused)
    }
}
