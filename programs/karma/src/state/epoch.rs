//! Epoch: what one epoch closed, which beacon it drew, and which report reached the quorum.
use super::{
    config::{place, Config},
    Account, Key,
};
use crate::{
    error::{require, KarmaError},
    math::{checked::add, quorum::is_quorum},
};
use core::mem::{offset_of, size_of};
use pinocchio::error::ProgramError;

pub const CLOSED: u8 = 1;
pub const ATTESTED: u8 = 2;
pub const BEACON: u8 = 3;
pub const VERDICTS: u8 = 4;
pub const REPORTED: u8 = 5;
pub const FINALISED: u8 = 6;

pub const MAX_CANDIDATES: usize = 4;

/// P-51: how many epochs an account stays after a later epoch became final. Evidence is over long before.
pub const KEPT_EPOCHS: u64 = 64;

/// After two thirds have sealed, so many slots remain for the others before anything is opened (P-17).
pub const SEAL_SLOTS: u64 = 8;

/// A report that somebody revealed, and the stake behind it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Candidate {
    pub report_hash: Key,
    pub stake: u64,
    /// The part of it whose validators also kept their word on salts, and so are paid.
    pub paid_stake: u64,
}

#[repr(C)]
pub struct Epoch {
    pub discriminator: [u8; 8],
    pub epoch: u64,
    pub state: u8,
    pub bump: u8,
    pub padding0: [u8; 6],
    pub total_stake: u64,
    pub validator_count: u32,
    pub entry_count: u32,
    pub manifest_hash: Key,
    pub receipt_set_root: Key,
    pub candidates_root: Key,
    pub slot_hashes_root: Key,
    pub escrows_root: Key,
    pub close_slot: u64,
    pub proposer: Key,
    pub attested_stake: u64,
    /// R: the slot in which attestation passed two thirds.
    pub attested_slot: u64,
    pub salt_accumulator: Key,
    pub salt_count: u32,
    /// One more than the attempt that posted the verdicts.
    pub verdict_attempt: u32,
    pub beacon_target_slot: u64,
    pub beacon_slot: u64,
    pub beacon: Key,
    pub verdicts_root: Key,
    pub verdict_count: u32,
    pub candidate_count: u32,
    pub verdicts_slot: u64,
    pub verdicts_proposer: Key,
    pub sealed_stake: u64,
    pub candidates: [Candidate; MAX_CANDIDATES],
    pub report_hash: Key,
    pub root: Key,
    pub totals: [u64; 6],
    pub participant_count: u32,
    pub escrow_count: u32,
    pub settlements_root: Key,
    pub settlements_total: u64,
    pub carried_root: Key,
    pub prior_root: Key,
    pub quorum_slot: u64,
    pub settled_lamports: u64,
    pub settled_count: u32,
    pub carried_count: u32,
    pub finalised_slot: u64,
    /// The plain tree over the leaves of `root`, by which claims are made.
    pub claims_root: Key,
    /// Stake whose salts were revealed.
    pub salt_stake: u64,
    /// Lamports for the validators whose votes brought this epoch about, and the points that they are shared by.
    pub vote_reward: u64,
    pub vote_points: u64,
    /// Who paid the account's rent.
    pub payer: Key,
    /// Proven faults of the closed set or the report: it is not finalised while there is one.
    pub faults: u32,
    /// Votes of this epoch that were not closed: each needs this account for its pay.
    pub open_votes: u32,
    /// In which the newest fault was proven.
    pub fault_slot: u64,
    /// Of `vote_reward`, what votes that were closed took.
    pub votes_paid: u64,
    /// Neither a vote nor this account is closed before: a challenge waits for its answer, or for accusations.
    pub held_until_slot: u64,
    /// Challenges of reports of this epoch that were neither answered nor closed.
    pub open_challenges: u32,
    pub padding1: [u8; 4],
    /// In which the seals of the newest attempt passed two thirds.
    pub seals_slot: u64,
    pub reserved: [u8; 8],
}

// SAFETY: repr(C), no padding (the size is the sum of the fields), integers and bytes only.
unsafe impl Account for Epoch {
    const DISCRIMINATOR: [u8; 8] = [93, 83, 120, 89, 151, 138, 152, 108];
}

const _: () = assert!(size_of::<Epoch>() == 1024);
const _: () = assert!(offset_of!(Epoch, close_slot) == 200);
const _: () = assert!(offset_of!(Epoch, beacon) == 312);
const _: () = assert!(offset_of!(Epoch, candidates) == 432);
const _: () = assert!(offset_of!(Epoch, totals) == 688);
const _: () = assert!(offset_of!(Epoch, claims_root) == 880);
const _: () = assert!(offset_of!(Epoch, votes_paid) == 984);
const _: () = assert!(offset_of!(Epoch, open_challenges) == 1000);

impl Epoch {
    /// `WrongEpoch` unless this is the account of `epoch`.
    #[inline(always)]
    pub fn require_epoch(&self, epoch: u64) -> Result<(), ProgramError> {
        require(self.epoch == epoch, KarmaError::WrongEpoch)
    }

    #[inline(always)]
    pub fn require_state(&self, state: u8) -> Result<(), ProgramError> {
        require(self.state == state, KarmaError::BadState)
    }

    /// The report that passed two thirds.
    #[inline(always)]
    pub fn winner(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.report_hash == self.report_hash)
    }

    /// True if this is the report that passed two thirds.
    #[inline(always)]
    pub fn has_won(&self, report_hash: &Key) -> bool {
        self.state >= REPORTED && self.report_hash == *report_hash
    }

    /// P-22: the first epoch in which votes may be closed, none while this one may still become final. A proven fault of the report
    /// that won gives time anew, in which those are accused who voted for it.
    #[inline(never)]
    pub fn evidence_until(&self, config: &Config) -> Option<u64> {
        let decided = if self.state == FINALISED {
            config.epoch_at(self.finalised_slot).unwrap_or(0)
        } else if self.is_passed_over(config) {
            self.epoch
        } else {
            return None;
        };
        let fault = if self.faults > 0 { config.epoch_at(self.fault_slot).unwrap_or(0) } else { 0 };
        Some(decided.max(fault).saturating_add(config.parameter_in(place::EVIDENCE_EPOCHS, self.epoch)))
    }

    /// True if a later epoch is final, so that this one never will be.
    #[inline(always)]
    pub fn is_passed_over(&self, config: &Config) -> bool {
        self.state != FINALISED && !config.is_after_last_finalised(self.epoch)
    }

    /// `WrongEpoch` if this epoch is passed over: its votes may be closed, and a vote that is closed could be cast again.
    #[inline(always)]
    pub fn require_not_passed_over(&self, config: &Config) -> Result<(), ProgramError> {
        require(!self.is_passed_over(config), KarmaError::WrongEpoch)
    }

    /// True if `stake` is more than two thirds of the epoch's.
    #[inline(always)]
    pub fn is_quorum(&self, stake: u64) -> bool {
        is_quorum(stake, self.total_stake)
    }

    /// P-17, P-18: whether seals may be opened: two thirds are there, and the rest as well or had its time.
    #[inline(always)]
    pub fn is_open(&self, slot: u64) -> Result<bool, ProgramError> {
        let is_over = self.sealed_stake == self.total_stake || slot > add(self.seals_slot, SEAL_SLOTS)?;
        Ok(self.is_quorum(self.sealed_stake) && is_over)
    }
}

/// Which validator may propose at `slot`, `from` being the first slot that anybody may.
pub struct Turn {
    pub epoch: u64,
    pub slot: u64,
    pub from: u64,
    pub window: u64,
    pub validators: u32,
}

impl Turn {
    /// How many proposers let their window pass. `TooEarly` before the first one's.
    #[inline(always)]
    pub fn attempt(&self) -> Result<u64, ProgramError> {
        require(self.slot >= self.from, KarmaError::TooEarly)?;
        Ok((self.slot - self.from) / self.window)
    }

    /// `NotProposer` unless it is the turn of the validator with this position: `(epoch + attempt) mod validators`.
    #[inline(always)]
    pub fn require_proposer(&self, role_ordinal: u32) -> Result<u64, ProgramError> {
        let attempt = self.attempt()?;
        require(self.validators > 0, KarmaError::NotProposer)?;
        let turn = self.epoch.wrapping_add(attempt) % self.validators as u64;
        require(turn == role_ordinal as u64, KarmaError::NotProposer)?;
        Ok(attempt)
    }
}
