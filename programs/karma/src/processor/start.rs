//! `start`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    math::checked::add,
    state::{config::Config, write},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-02: begins epoch 0 in the next slot, once.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | initialiser | signer | who initialised |
/// | 1 | config | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [initialiser, config, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let mut config = write::<Config>(config, cx.program)?;
    require(
        initialiser.is_signer() && *initialiser.address().as_array() == config.initialiser,
        KarmaError::NotInitialiser,
    )?; // P-02
    require(config.started == 0, KarmaError::AlreadyStarted)?; // P-02

    config.epoch_zero_slot = add(current_slot()?, 1)?;
    config.started = 1;
    Ok(())
}
