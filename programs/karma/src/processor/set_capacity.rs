//! `set_capacity`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, CAPACITY_SET},
    math::units::value_of,
    state::{
        config::Config,
        participant::{Participant, WORKER},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-33: how many requests at once a worker's stake stands for, from the next epoch on.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | signer | the worker's |
/// | 1 | config | writable | |
/// | 2 | participant | writable | the worker |
///
/// Arguments: capacity u16.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let capacity = cx.arguments.u16()?;
    cx.arguments.finish()?;
    let [owner, config, participant, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let address = *participant.address().as_array();
    let mut config = write::<Config>(config, cx.program)?;
    let mut participant = write::<Participant>(participant, cx.program)?;
    participant.require_role(WORKER)?; // P-33
    participant.require_owner(owner)?; // P-33
    require(capacity > 0, KarmaError::BadAmount)?; // P-33

    let from = config.active_from(slot)?;
    if participant.capacity_from_epoch < from {
        participant.capacity[0] = participant.capacity[1];
    }
    participant.capacity[1] = capacity;
    participant.capacity_from_epoch = from;
    let own = value_of(participant.own_units, participant.slash_index)?;
    require(own >= participant.minimum(&config)?, KarmaError::BondTooSmall)?; // P-33
    participant.update_weight(&mut config, slot)?; // P-28

    Event::new(CAPACITY_SET).key(&address).u16(capacity).u64(from).emit()
}
