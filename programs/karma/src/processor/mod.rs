//! One file per instruction: read accounts, validate, then effects, then the event.
pub mod attest;
pub mod attest_keys;
pub mod authorise_debit;
pub mod claim;
pub mod close_ballot;
pub mod close_epoch;
pub mod close_epoch_account;
pub mod close_proposal;
pub mod close_proven;
pub mod close_vote;
pub mod commit_chain;
pub mod deposit_escrow;
pub mod execute_proposal;
pub mod finalise;
pub mod initialise;
pub mod open_escrow;
pub mod post_root;
pub mod post_verdicts;
pub mod propose;
pub mod record_beacon;
pub mod register;
pub mod register_gateway;
pub mod register_layer;
pub mod register_validator;
pub mod register_worker;
pub mod request_withdrawal;
pub mod reveal_root;
pub mod reveal_salt;
pub mod rotate_identity;
pub mod settle_escrow;
pub mod start;
pub mod verify_layer_proof;
pub mod vote_proposal;
pub mod withdraw_escrow;

use pinocchio::{
    error::ProgramError,
    sysvars::{clock::Clock, Sysvar},
};

/// The slot that the transaction runs in.
#[inline(always)]
fn current_slot() -> Result<u64, ProgramError> {
    Ok(Clock::get()?.slot)
}
