//! `rotate_identity`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{config::Config, participant::Participant, read, write},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-06: replaces a participant's identity from the next epoch on.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | signer | the participant's |
/// | 1 | newIdentity | signer | proves that somebody holds it |
/// | 2 | config | | |
/// | 3 | participant | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [owner, new_identity, config, participant, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let config = read::<Config>(config, cx.program)?;
    let mut participant = write::<Participant>(participant, cx.program)?;
    require(owner.is_signer() && *owner.address().as_array() == participant.owner, KarmaError::BadOwner)?; // P-06
    require(new_identity.is_signer(), KarmaError::WrongIdentity)?; // P-06
    let slot = current_slot()?;
    let current = config.epoch_at(slot).unwrap_or(0);
    require(participant.identity_from_epoch <= current, KarmaError::IdentityPending)?; // P-06

    participant.previous_identity = participant.identity;
    participant.identity = *new_identity.address().as_array();
    participant.identity_from_epoch = config.active_from(slot)?;
    Ok(())
}
