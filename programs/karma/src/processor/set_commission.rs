//! `set_commission`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, COMMISSION_SET},
    math::checked::add,
    state::{
        config::Config,
        participant::{Participant, VALIDATOR},
        read, write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

const BASIS_POINTS: u16 = 10_000;

/// P-34: what a validator's owner keeps of the rewards of the stake behind it. A raise waits until whoever does not like it can have
/// left; a cut holds from the next epoch on.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | signer | the validator's |
/// | 1 | config | | |
/// | 2 | participant | writable | the validator |
///
/// Arguments: bps u16 (1/10,000).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let bps = cx.arguments.u16()?;
    cx.arguments.finish()?;
    let [owner, config, participant, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let address = *participant.address().as_array();
    let config = read::<Config>(config, cx.program)?;
    let mut participant = write::<Participant>(participant, cx.program)?;
    participant.require_role(VALIDATOR)?; // P-34
    participant.require_owner(owner)?; // P-34
    require(bps <= BASIS_POINTS, KarmaError::BadAmount)?; // P-34
    let current = config.epoch_at(slot).unwrap_or(0);
    require(participant.commission_from_epoch <= current, KarmaError::TooEarly)?; // P-34

    let from = if bps > participant.commission_bps[1] {
        add(current, config.parameters.cool_down_epochs)?
    } else {
        config.active_from(slot)?
    };
    participant.commission_bps = [participant.commission_bps[1], bps];
    participant.commission_from_epoch = from;

    Event::new(COMMISSION_SET).key(&address).u16(bps).u64(from).emit()
}
