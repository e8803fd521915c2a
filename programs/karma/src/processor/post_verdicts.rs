//! `post_verdicts`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, VERDICTS_POSTED},
    math::checked::add,
    state::{
        config::{place, Config},
        epoch::{self, Epoch, Turn},
        participant::Participant,
        read, write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-16: posts the root of the signed verdicts, or replaces one that gathered no quorum when its proposer's window has passed.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer | the proposer's |
/// | 1 | config | | |
/// | 2 | validator | | participant whose turn it is |
/// | 3 | epochAccount | writable | |
///
/// Arguments: epoch u64, verdictsRoot [32], verdictCount u32.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    let verdicts_root = cx.arguments.bytes::<32>()?;
    let verdict_count = cx.arguments.u32()?;
    cx.arguments.finish()?;
    let [identity, config, validator, epoch_account, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let validator_key = *validator.address().as_array();
    let validator = read::<Participant>(validator, cx.program)?;
    let config = read::<Config>(config, cx.program)?;
    validator.require_active_validator(identity, &config, number)?; // P-16
    let mut account = write::<Epoch>(epoch_account, cx.program)?;
    account.require_epoch(number)?;
    require(account.state == epoch::BEACON || account.state == epoch::VERDICTS, KarmaError::BadState)?; // P-16
    let attempt = Turn {
        epoch: number,
        slot,
        from: add(account.beacon_target_slot, config.parameter_in(place::AUDIT_SLOTS, number))?,
        window: config.parameter_in(place::PROPOSER_WINDOW_SLOTS, number),
        validators: account.validator_count,
    }
    .require_proposer(validator.role_ordinal)?; // P-16
    let verdict_attempt = u32::try_from(add(attempt, 1)?).map_err(|_| KarmaError::Overflow)?;
    if account.state == epoch::VERDICTS {
        // P-16
        require(verdict_attempt > account.verdict_attempt, KarmaError::NotProposer)?;
        require(!account.is_quorum(account.sealed_stake), KarmaError::TooLate)?;
    }

    account.state = epoch::VERDICTS;
    account.verdict_attempt = verdict_attempt;
    account.verdicts_root = *verdicts_root;
    account.verdict_count = verdict_count;
    account.verdicts_slot = slot;
    account.verdicts_proposer = validator_key;
    account.sealed_stake = 0;
    drop(account);

    Event::new(VERDICTS_POSTED).u64(number).key(verdicts_root).emit()
}
