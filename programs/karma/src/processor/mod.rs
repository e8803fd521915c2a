//! One file per instruction: read accounts, validate, then effects, then the event.
pub mod attest;
pub mod attest_keys;
pub mod authorise_debit;
pub mod claim;
pub mod close_ballot;
pub mod close_chain;
pub mod close_epoch;
pub mod close_epoch_account;
pub mod close_proposal;
pub mod close_proven;
pub mod close_stake;
pub mod close_vote;
pub mod collect_commission;
pub mod collect_rewards;
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
pub mod set_capacity;
pub mod set_commission;
pub mod set_stake_token;
pub mod settle_escrow;
pub mod stake;
pub mod start;
pub mod unstake;
pub mod verify_layer_proof;
pub mod vote_proposal;
pub mod withdraw_escrow;
pub mod withdraw_stake;

pub mod accuse_silent;
pub mod accuse_voter;
pub mod answer_challenge;
pub mod close_buffer;
pub mod close_challenge;
pub mod close_finding;
pub mod commit_finding;
pub mod execute_case;
pub mod file_case;
pub mod open_buffer;
pub mod open_challenge;
pub mod prove_bad_signature;
pub mod prove_double_sign;
pub mod prove_false_claims_leaf;
pub mod prove_false_lifetime;
pub mod prove_false_sum;
pub mod prove_lazy_verdict;
pub mod report_fault;
pub mod shown_growth;
pub mod write_buffer;

use pinocchio::{
    error::ProgramError,
    sysvars::{clock::Clock, Sysvar},
};

/// The slot that the transaction runs in.
#[inline(always)]
fn current_slot() -> Result<u64, ProgramError> {
    Ok(Clock::get()?.slot)
}
