//! `finalise`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, FINALISED as FINALISED_EVENT},
    math::{
        checked::add,
        mul_div::{mul_div, mul_wide, Wide},
    },
    state::{
        config::Config,
        epoch::{self, Epoch},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

const BASIS_POINTS: u64 = 10_000;

/// P-20: makes an epoch's root the ledger's, after the challenge window, if every escrow settled and no total grew beyond its
/// cap. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | epochAccount | writable | |
/// | 1 | config | writable | |
///
/// Arguments: epoch u64.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [epoch_account, config, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    let mut config = write::<Config>(config, cx.program)?;
    account.require_epoch(number)?;
    account.require_state(epoch::REPORTED)?; // P-20
    require(config.is_after_last_finalised(number), KarmaError::WrongEpoch)?; // P-20
    require(slot >= add(account.quorum_slot, config.parameters.challenge_slots)?, KarmaError::TooEarly)?; // P-20
    require(
        account.settled_count == account.escrow_count && account.settled_lamports == account.settlements_total,
        KarmaError::NotSettled,
    )?; // P-20
    require(account.prior_root == config.last_root, KarmaError::StalePrior)?; // P-20
    check_caps(&config, &account)?; // P-20

    account.state = epoch::FINALISED;
    account.finalised_slot = slot;
    config.last_root = account.root;
    config.last_totals = account.totals;
    config.last_finalised_epoch = number;
    let root = account.root;
    Event::new(FINALISED_EVENT).u64(number).key(&root).emit()
}

/// P-20: what the totals may have grown by. Karma for inference and redundancy is bounded by the fee that settled, so that buying
/// from oneself costs more than it gains.
#[inline(never)]
fn check_caps(config: &Config, account: &Epoch) -> ProgramResult {
    require(account.participant_count <= config.participant_count, KarmaError::CapExceeded)?;
    let mut growth = [0u64; 6];
    for (i, grown) in growth.iter_mut().enumerate() {
        *grown = account.totals[i].checked_sub(config.last_totals[i]).ok_or(KarmaError::CapExceeded)?;
    }
    let [inference, seeding, uptime, redundancy, validation, owed] = growth;
    let parameters = &config.parameters;
    let settled = account.settled_lamports;
    let participants = account.participant_count as u64;
    let fee = mul_div(settled, parameters.fee_share_bps, BASIS_POINTS)?;
    let owed_cap = mul_div(settled, parameters.worker_share_bps, BASIS_POINTS)?;
    let work = add(inference, redundancy)?;
    require(within(work, mul_wide(parameters.kappa, fee)), KarmaError::CapExceeded)?;
    require(within(seeding, mul_wide(parameters.seeding_cap, participants)), KarmaError::CapExceeded)?;
    require(within(uptime, mul_wide(parameters.uptime_cap, participants)), KarmaError::CapExceeded)?;
    let validators = account.validator_count as u64;
    require(within(validation, mul_wide(parameters.validation_cap, validators)), KarmaError::CapExceeded)?;
    require(owed <= owed_cap, KarmaError::CapExceeded)
}

#[inline(always)]
fn within(growth: u64, cap: Wide) -> bool {
    cap.high > 0 || growth <= cap.low
}
