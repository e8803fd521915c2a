//! `rotate_identity`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    math::checked::add,
    state::{config::Config, participant::Participant, read, write},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-06: replaces a participant's identity from the next epoch on. The account knows one identity before the newest, so that another
/// rotation waits until the stake no longer answers for what the forgotten one signed.
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
    let from = participant.identity_from_epoch;
    // An identity that holds from epoch 0 on has none before it that ever signed.
    let is_free = from == 0 || current >= add(from, config.parameters.cool_down_epochs)?;
    require(is_free, KarmaError::IdentityPending)?; // P-06

    participant.previous_identity = participant.identity;
    participant.identity = *new_identity.address().as_array();
    participant.identity_from_epoch = config.active_from(slot)?;
    Ok(())
}
