//! `close_proven`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, PROVEN_CLOSED},
    state::{config::Config, lamports::move_lamports, proven::Proven, read, NONE},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-26: ends a payer's record of proven statements and pays its rent back, once an epoch after the one in which the newest was
/// recorded is final: whoever decided an epoch by the record has had it throughout.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | the record's |
/// | 1 | config | | |
/// | 2 | proven | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [payer, config, proven, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let event = {
        let config = read::<Config>(config, cx.program)?;
        let record = read::<Proven>(proven, cx.program)?;
        require(payer.is_signer(), KarmaError::WrongIdentity)?; // P-26
        require(*payer.address().as_array() == record.payer, KarmaError::BadOwner)?; // P-26
        let last = config.last_finalised_epoch;
        require(last != NONE && last > record.recorded_epoch, KarmaError::NotFinalised)?; // P-26
        Event::new(PROVEN_CLOSED)
            .key(&record.model_keys)
            .key(&record.payer)
            .u64(record.epoch)
            .key(&record.entry_hash)
            .u32(record.position)
    };
    let lamports = proven.lamports();
    move_lamports(proven, payer, lamports)?;
    proven.close()?;
    event.emit()
}
