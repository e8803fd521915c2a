//! `accuse_voter`
use super::{
    current_slot,
    file_case::{file, Filing, Offence},
};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        case::FALSE_VOTE,
        config::Config,
        fault::{Fault, SIGNATURE},
        read,
        vote::{Vote, ACCUSED, ATTESTED, REVEALED},
        write,
    },
    verify::evidence::offence_key,
};
use pinocchio::{error::ProgramError, ProgramResult};

/// Of a false vote's key: that it was for a set, not for a report.
const SET: u8 = 1;

/// P-47: files a case against a validator that voted for a report which a fault shows to be false, or attested a set with a bad
/// signature (P-48). Anyone may send it; the finder
/// is the fault's.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | pays the case's rent |
/// | 1 | config | | |
/// | 2 | fault | | |
/// | 3 | vote | writable | of the fault's epoch |
/// | 4 | validator | writable | participant of the vote |
/// | 5 | case | writable | `["case", validator, offenceKey]` |
/// | 6 | system program | | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [payer, config, fault, vote, validator, case, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let validator_key = *validator.address().as_array();
    let (key, finder, bps, epoch) = {
        let config = read::<Config>(config, cx.program)?;
        let fault = read::<Fault>(fault, cx.program)?;
        let mut vote = write::<Vote>(vote, cx.program)?;
        // P-47
        vote.require_of(&validator_key, fault.epoch)?;
        // A set that somebody attested is not replaced (P-12), so that who attested in its epoch attested it.
        let is_of_set = fault.kind == SIGNATURE;
        let voted =
            if is_of_set { vote.has(ATTESTED) } else { vote.has(REVEALED) && vote.report_hash == fault.report_hash };
        require(voted, KarmaError::NotAnOffence)?; // P-47, P-48
        vote.flags |= ACCUSED;
        let question: &[u8] = if is_of_set { &[SET] } else { &[] };
        let key = offence_key(FALSE_VOTE, &[&fault.epoch.to_le_bytes(), question, &[]])?;
        let epoch = config.epoch_at(current_slot()?).ok_or(KarmaError::NotStarted)?;
        (key, fault.finder, config.parameters.false_vote_bps, epoch)
    };
    file(
        &mut Filing { program: cx.program, payer, offender: validator, case },
        &Offence { kind: FALSE_VOTE, key: &key, bps, finder: &finder, harmed: &[0; 32], epoch },
    )
}
