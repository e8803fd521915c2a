//! `post_root`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    math::checked::{add, increment},
    seeds,
    state::{
        config::Config,
        create::{create, Creation},
        epoch::{self, Epoch},
        participant::Participant,
        read,
        vote::{self, Vote},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-17: the second vote, sealed: a hash of the report, a salt and the validator, so that nobody copies it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer, writable | the validator's; pays the rent of a new vote |
/// | 1 | config | | |
/// | 2 | validator | | participant |
/// | 3 | epochAccount | writable | |
/// | 4 | vote | writable | `["vote", epoch, validator]`; made here if the validator did not attest |
/// | 5 | system program | | |
///
/// Arguments: epoch u64, seal [32], attempt u32: the verdicts' attempt that the report was tallied from.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let seal = cx.arguments.bytes::<32>()?;
    let attempt = u32::from_le_bytes(*cx.arguments.bytes::<4>()?);
    cx.arguments.finish()?;
    let [identity, config, validator, epoch_account, vote, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let validator_key = *validator.address().as_array();
    let config = read::<Config>(config, cx.program)?;
    let stake = read::<Participant>(validator, cx.program)?.require_active_validator(identity, &config, number)?; // P-17
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    account.require_epoch(number)?;
    account.require_not_passed_over(&config)?; // P-17
    account.require_state(epoch::VERDICTS)?; // P-17

    // P-17: verdicts may be replaced while a seal is on its way; it could never be opened under the new ones.
    require(attempt == account.verdict_attempt, KarmaError::BadState)?;

    if vote.is_data_empty() {
        let bump = create::<Vote>(&mut Creation {
            program: cx.program,
            payer: identity,
            account: vote,
            lamports: 0,
            seeds: &[seeds::VOTE, epoch, &validator_key],
        })?;
        let mut vote = write::<Vote>(vote, cx.program)?;
        vote.validator = validator_key;
        vote.epoch = number;
        vote.stake = stake;
        vote.bump = bump;
        vote.payer = *identity.address().as_array();
        account.open_votes = increment(account.open_votes)?;
    }
    let mut vote = write::<Vote>(vote, cx.program)?;
    vote.require_of(&validator_key, number)?;
    let sealed_now = vote.has(vote::SEALED) && vote.seal_attempt == account.verdict_attempt;
    require(!sealed_now, KarmaError::AlreadyVoted)?; // P-17
    let slot = current_slot()?;
    // P-17: what is sealed from now on may be a copy of what was opened.
    if account.is_open(slot)? {
        vote.flags |= vote::LATE;
    } else {
        vote.flags &= !vote::LATE;
    }
    vote.flags |= vote::SEALED;
    vote.seal_attempt = account.verdict_attempt;
    vote.seal = *seal;
    let was_quorum = account.is_quorum(account.sealed_stake);
    account.sealed_stake = add(account.sealed_stake, vote.stake)?;
    if !was_quorum && account.is_quorum(account.sealed_stake) {
        account.seals_slot = slot;
    }
    Ok(())
}
