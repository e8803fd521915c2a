//! `close_vote`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, VOTE_PAID},
    math::{
        checked::{add, sub},
        mul_div::mul_div,
    },
    state::{
        config::Config,
        epoch::{self, Epoch},
        lamports::move_lamports,
        participant::Participant,
        read,
        vault::Vault,
        vote::Vote,
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-22: ends a vote whose time for evidence is over, pays its rent back to who paid it, and pays what it earned to the stake
/// behind its validator (P-32). Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | writable | the identity that the vote records |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | counts the votes that are left |
/// | 3 | vote | writable | |
/// | 4 | validator | writable | participant of the vote |
/// | 5 | vault | writable | |
///
/// Arguments: epoch u64.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [payer, config, epoch_account, vote, validator, vault, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let validator_key = *validator.address().as_array();
    let paid = {
        let config = read::<Config>(config, cx.program)?;
        let mut account = write::<Epoch>(epoch_account, cx.program)?;
        let vote = read::<Vote>(vote, cx.program)?;
        account.require_epoch(number)?;
        require(vote.epoch == number, KarmaError::WrongEpoch)?;
        require(vote.validator == validator_key, KarmaError::BadPda)?;
        require(*payer.address().as_array() == vote.payer, KarmaError::BadOwner)?;
        let until = account.evidence_until(&config).ok_or(KarmaError::NotFinalised)?; // P-22
        let current = config.epoch_at(slot).unwrap_or(0);
        require(current >= until && slot >= account.held_until_slot, KarmaError::TooEarly)?; // P-22
        let mut validator = write::<Participant>(validator, cx.program)?;
        let reward = reward_of(&account, &vote)?;
        validator.take_reward(reward, current, config.token_rate)?; // P-31
        let mut vault = write::<Vault>(vault, cx.program)?;
        vault.rewards_paid = add(vault.rewards_paid, reward)?;
        account.votes_paid = add(account.votes_paid, reward)?;
        account.open_votes = account.open_votes.checked_sub(1).ok_or(KarmaError::Overflow)?;
        reward
    };
    move_lamports(vault, validator, paid)?;
    let lamports = vote.lamports();
    move_lamports(vote, payer, lamports)?;
    vote.close()?;
    if paid == 0 {
        return Ok(());
    }
    Event::new(VOTE_PAID).u64(number).key(&validator_key).u64(paid).emit()
}

/// P-32: this vote's part of what the epoch set aside, or what is left of it: a report that lost its place among the candidates and
/// won it back is without the stake of its first voters (P-18), whose points count here.
#[inline(never)]
fn reward_of(account: &Epoch, vote: &Vote) -> Result<u64, ProgramError> {
    if account.state != epoch::FINALISED || account.faults > 0 || account.vote_points == 0 {
        return Ok(0);
    }
    let share = mul_div(account.vote_reward, vote.points(&account.report_hash)?, account.vote_points)?;
    Ok(share.min(sub(account.vote_reward, account.votes_paid)?))
}
