//! `request_withdrawal`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        config::Config,
        escrow::{balance, Escrow},
        read, write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-10: announces a withdrawal. It waits for the epoch after the current one, whose set may still hold an entry of this one.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | buyer | signer | the escrow's |
/// | 1 | config | | |
/// | 2 | escrow | writable | |
///
/// Arguments: amount u64 (lamports).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let amount = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [buyer, config, escrow, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let config = read::<Config>(config, cx.program)?;
    let available = balance(escrow)?;
    let mut escrow = write::<Escrow>(escrow, cx.program)?;
    require(buyer.is_signer() && *buyer.address().as_array() == escrow.buyer, KarmaError::BadOwner)?;
    require(amount > 0 && amount <= available, KarmaError::BadAmount)?; // P-10

    escrow.withdraw_amount = amount;
    escrow.withdraw_after_epoch = config.active_from(current_slot()?)?;
    Ok(())
}
