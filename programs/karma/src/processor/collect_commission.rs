//! `collect_commission`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, COMMISSION_COLLECTED},
    state::{lamports::move_lamports, participant::Participant, write},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-31: pays an owner its part of what the stake behind its participant earned. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | writable | the participant's; is paid |
/// | 1 | participant | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [owner, participant, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let paid = {
        let mut participant = write::<Participant>(participant, cx.program)?;
        require(*owner.address().as_array() == participant.owner, KarmaError::BadOwner)?; // P-31
        let paid = participant.commission_lamports;
        require(paid > 0, KarmaError::NothingDue)?; // P-31
        participant.commission_lamports = 0;
        paid
    };
    move_lamports(participant, owner, paid)?;
    Event::new(COMMISSION_COLLECTED)
        .key(participant.address().as_array())
        .key(owner.address().as_array())
        .u64(paid)
        .emit()
}
