//! `vote_proposal`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, PROPOSAL_VOTED},
    seeds,
    state::{
        ballot::Ballot,
        config::Config,
        create::{create, Creation},
        participant::Participant,
        proposal::Proposal,
        read, write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-36, P-37: a validator says yes to a proposal, with the weight that it had in the proposal's epoch. There is no other word:
/// who is against it keeps silent. Votes are taken until it has passed, for 64 epochs at most.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer, writable | the validator's; pays the rent |
/// | 1 | config | | |
/// | 2 | validator | | participant |
/// | 3 | proposal | writable | |
/// | 4 | ballot | writable | `["ballot", proposal, validator]` |
/// | 5 | system program | | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [identity, config, validator, proposal, ballot, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let (epoch, stake, yes_stake, has_passed) = {
        let config = read::<Config>(config, cx.program)?;
        let current = config.epoch_at(current_slot()?).ok_or(KarmaError::NotStarted)?;
        let mut account = write::<Proposal>(proposal, cx.program)?;
        let validator = read::<Participant>(validator, cx.program)?;
        let stake = validator.require_active_validator(identity, &config, account.epoch)?; // P-36
        require(account.takes_votes(current)?, KarmaError::TooLate)?; // P-36
        require(ballot.is_data_empty(), KarmaError::AlreadyVoted)?; // P-36
        account.count(stake, current, config.parameters.proposal_delay_epochs)?;
        (account.epoch, stake, account.yes_stake, account.has_passed())
    };

    let proposal_key = *proposal.address().as_array();
    let validator_key = *validator.address().as_array();
    let bump = create::<Ballot>(&mut Creation {
        program: cx.program,
        payer: identity,
        account: ballot,
        lamports: 0,
        seeds: &[seeds::BALLOT, &proposal_key, &validator_key],
    })?;
    let mut account = write::<Ballot>(ballot, cx.program)?;
    account.proposal = proposal_key;
    account.validator = validator_key;
    account.payer = *identity.address().as_array();
    account.stake = stake;
    account.epoch = epoch;
    account.bump = bump;
    drop(account);

    Event::new(PROPOSAL_VOTED).key(&proposal_key).key(&validator_key).u64(yes_stake).u8(has_passed as u8).emit()
}
