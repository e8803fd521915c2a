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
        config::{place, Config},
        epoch::{self, Epoch},
        vault::Vault,
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

const BASIS_POINTS: u64 = 10_000;
/// Places in docs/protocol.md, Parameters.
const WORKER_SHARE: usize = 10;
const FEE_SHARE: usize = 11;
const KAPPA: usize = 12;
const SEEDING_CAP: usize = 13;
const UPTIME_CAP: usize = 14;
const VALIDATION_CAP: usize = 15;
const VOTE_SHARE: usize = 22;
const AUDIT_SHARE: usize = 23;
const GATEWAY_SHARE: usize = 24;

/// P-20: makes an epoch's root the ledger's, after the challenge window, if every escrow settled and no total grew beyond its
/// cap. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | epochAccount | writable | |
/// | 1 | config | writable | |
/// | 2 | vault | writable | sets aside what the votes earned |
///
/// Arguments: epoch u64.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [epoch_account, config, vault, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    let mut config = write::<Config>(config, cx.program)?;
    account.require_epoch(number)?;
    account.require_state(epoch::REPORTED)?; // P-20
    require(config.is_after_last_finalised(number), KarmaError::WrongEpoch)?; // P-20
    let challenge_slots = config.parameter_in(place::CHALLENGE_SLOTS, number);
    require(slot >= add(account.quorum_slot, challenge_slots)?, KarmaError::TooEarly)?; // P-20
    require(
        account.settled_count == account.escrow_count && account.settled_lamports == account.settlements_total,
        KarmaError::NotSettled,
    )?; // P-20
    require(account.prior_root == config.last_root, KarmaError::StalePrior)?; // P-20
    require(account.faults == 0, KarmaError::Faulty)?; // P-46
    check_caps(&config, &account)?; // P-20

    // P-32
    let reward = mul_div(account.settled_lamports, config.parameter_in(VOTE_SHARE, number), BASIS_POINTS)?;
    let winner = account.winner().map_or(0, |candidate| candidate.paid_stake);
    account.vote_reward = reward;
    account.vote_points = add(account.salt_stake, add(winner, winner)?)?;
    let mut vault = write::<Vault>(vault, cx.program)?;
    vault.rewards = add(vault.rewards, reward)?;
    vault.settled = add(vault.settled, account.settled_lamports)?;

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
    let of = |index: usize| config.parameter_in(index, account.epoch);
    require(account.participant_count <= config.participant_count, KarmaError::CapExceeded)?;
    let mut growth = [0u64; 6];
    for (i, grown) in growth.iter_mut().enumerate() {
        *grown = account.totals[i].checked_sub(config.last_totals[i]).ok_or(KarmaError::CapExceeded)?;
    }
    let [inference, seeding, uptime, redundancy, validation, owed] = growth;
    let settled = account.settled_lamports;
    let participants = account.participant_count as u64;
    let fee = mul_div(settled, of(FEE_SHARE), BASIS_POINTS)?;
    let owed_bps = add(of(WORKER_SHARE), add(of(AUDIT_SHARE), of(GATEWAY_SHARE))?)?;
    let owed_cap = mul_div(settled, owed_bps, BASIS_POINTS)?;
    let work = add(inference, redundancy)?;
    require(within(work, mul_wide(of(KAPPA), fee)), KarmaError::CapExceeded)?;
    require(within(seeding, mul_wide(of(SEEDING_CAP), participants)), KarmaError::CapExceeded)?;
    require(within(uptime, mul_wide(of(UPTIME_CAP), participants)), KarmaError::CapExceeded)?;
    let validators = account.validator_count as u64;
    require(within(validation, mul_wide(of(VALIDATION_CAP), validators)), KarmaError::CapExceeded)?;
    require(owed <= owed_cap, KarmaError::CapExceeded)
}

#[inline(always)]
fn within(growth: u64, cap: Wide) -> bool {
    cap.high > 0 || growth <= cap.low
}
