//! Config: the cluster's parameters, who is registered, and what the last finalised epoch left behind.
use super::{Account, Key, NONE};
use crate::{
    error::{require, KarmaError},
    math::{
        checked::{add, increment},
        mul_div::mul,
    },
};
use core::mem::{offset_of, size_of};
use pinocchio::error::ProgramError;

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
}

#[repr(C)]
pub struct Config {
    pub discriminator: [u8; 8],
    pub version: u16,
    pub bump: u8,
    pub started: u8,
    pub vault_bump: u8,
    pub padding0: [u8; 3],
    pub domain: Key,
    pub genesis: Key,
    pub initialiser: Key,
    pub epoch_zero_slot: u64,
    pub participant_count: u32,
    pub worker_count: u32,
    pub gateway_count: u32,
    /// Index 0: in epoch `stake_epoch - 1`, index 1: in `stake_epoch`.
    pub active_validators: [u32; 2],
    pub padding1: [u8; 4],
    pub active_stake: [u64; 2],
    pub pending_validators: u32,
    pub padding2: [u8; 4],
    pub pending_stake: u64,
    pub stake_epoch: u64,
    pub last_finalised_epoch: u64,
    pub last_root: Key,
    /// Five lifetimes and owed.
    pub last_totals: [u64; 6],
    pub offchain_parameters_hash: Key,
    pub parameters: Parameters,
    pub reserved: [u8; 160],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Config {
    const DISCRIMINATOR: [u8; 8] = [155, 12, 170, 224, 30, 250, 204, 130];
}

const _: () = assert!(size_of::<Config>() == 640);
const _: () = assert!(size_of::<Parameters>() == 176);
const _: () = assert!(offset_of!(Config, epoch_zero_slot) == 112);
const _: () = assert!(offset_of!(Config, active_stake) == 144);
const _: () = assert!(offset_of!(Config, last_totals) == 224);
const _: () = assert!(offset_of!(Config, parameters) == 304);

/// Stake and number of the validators that count in an epoch.
#[derive(Clone, Copy)]
pub struct Electorate {
    pub stake: u64,
    pub validators: u32,
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

    /// "Stake of an epoch": moves the counts on to the current epoch.
    #[inline(always)]
    pub fn roll_stake(&mut self, slot: u64) -> Result<(), ProgramError> {
        let Some(current) = self.epoch_at(slot) else { return Ok(()) };
        if current <= self.stake_epoch {
            return Ok(());
        }
        let skipped = current - self.stake_epoch > 1;
        if !skipped {
            self.active_stake[0] = self.active_stake[1];
            self.active_validators[0] = self.active_validators[1];
        }
        self.active_stake[1] = add(self.active_stake[1], self.pending_stake)?;
        self.active_validators[1] =
            self.active_validators[1].checked_add(self.pending_validators).ok_or(KarmaError::Overflow)?;
        if skipped {
            self.active_stake[0] = self.active_stake[1];
            self.active_validators[0] = self.active_validators[1];
        }
        self.pending_stake = 0;
        self.pending_validators = 0;
        self.stake_epoch = current;
        Ok(())
    }

    /// Counts a new validator and returns its position among validators. The stake must have been rolled to `slot`.
    #[inline(always)]
    pub fn add_validator(&mut self, slot: u64, bond: u64) -> Result<u32, ProgramError> {
        let ordinal = self.active_validators[1].checked_add(self.pending_validators).ok_or(KarmaError::Overflow)?;
        if self.epoch_at(slot).is_none() {
            for i in 0..2 {
                self.active_stake[i] = add(self.active_stake[i], bond)?;
                self.active_validators[i] = increment(self.active_validators[i])?;
            }
        } else {
            self.pending_stake = add(self.pending_stake, bond)?;
            self.pending_validators = increment(self.pending_validators)?;
        }
        Ok(ordinal)
    }

    /// The stake of the validators that are active in the current epoch, whether or not the counts have moved on to it.
    #[inline(always)]
    pub fn stake_now(&self, current: u64) -> Result<u64, ProgramError> {
        if current > self.stake_epoch {
            add(self.active_stake[1], self.pending_stake)
        } else {
            Ok(self.active_stake[1])
        }
    }

    /// Who counts in `epoch`. Closing late can only overcount, which makes a quorum harder.
    #[inline(always)]
    pub fn electorate(&self, epoch: u64) -> Electorate {
        let index = if epoch < self.stake_epoch { 0 } else { 1 };
        Electorate { stake: self.active_stake[index], validators: self.active_validators[index] }
    }
}
