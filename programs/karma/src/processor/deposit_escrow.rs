//! `deposit_escrow`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{escrow::Escrow, read},
};
use pinocchio::{error::ProgramError, ProgramResult};
use pinocchio_system::instructions::Transfer;

/// P-09: pays into an escrow. Anyone may.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | |
/// | 1 | escrow | writable | |
/// | 2 | system program | | |
///
/// Arguments: amount u64 (lamports).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let amount = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [payer, escrow, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    require(payer.is_signer(), KarmaError::WrongIdentity)?;
    drop(read::<Escrow>(escrow, cx.program)?);
    require(amount > 0, KarmaError::BadAmount)?; // P-09
    Transfer { from: payer, to: escrow, lamports: amount }.invoke()
}
