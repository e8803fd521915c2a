//! `accuse_silent`
use super::{
    current_slot,
    file_case::{file, Filing, Offence},
};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        case::SILENCE,
        challenge::Challenge,
        config::Config,
        read,
        vote::{Vote, ACCUSED, REVEALED},
        write,
    },
    verify::evidence::offence_key,
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-50: files a case against a validator that voted for a report of which nobody showed what a challenge asked for. Anyone may
/// send it; the finder is who asked.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | pays the case's rent |
/// | 1 | config | | |
/// | 2 | challenge | | |
/// | 3 | vote | writable | of the challenge's epoch |
/// | 4 | validator | writable | participant of the vote |
/// | 5 | case | writable | `["case", validator, offenceKey]` |
/// | 6 | system program | | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [payer, config, challenge, vote, validator, case, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let validator_key = *validator.address().as_array();
    let (key, finder, bps, epoch) = {
        let config = read::<Config>(config, cx.program)?;
        let challenge = read::<Challenge>(challenge, cx.program)?;
        require(challenge.answered == 0, KarmaError::ChallengeAnswered)?; // P-50
        require(slot >= challenge.until_slot, KarmaError::ChallengeOpen)?; // P-50
        let mut vote = write::<Vote>(vote, cx.program)?;
        vote.require_of(&validator_key, challenge.epoch)?; // P-50
        let voted = vote.has(REVEALED) && vote.report_hash == challenge.report_hash;
        require(voted, KarmaError::NotAnOffence)?; // P-50
        vote.flags |= ACCUSED;
        let key = offence_key(SILENCE, &[&challenge.epoch.to_le_bytes(), &[], &[]])?;
        let epoch = config.epoch_at(slot).ok_or(KarmaError::NotStarted)?;
        (key, challenge.challenger, config.parameters.silence_bps, epoch)
    };
    file(
        &mut Filing { program: cx.program, payer, offender: validator, case },
        &Offence { kind: SILENCE, key: &key, bps, finder: &finder, harmed: &[0; 32], epoch },
    )
}
