//! `withdraw_escrow`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        config::Config,
        escrow::{balance, Escrow},
        lamports::move_lamports,
        read, write, NONE,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-11: pays a requested withdrawal out once the epoch that could still debit the escrow is final.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | buyer | signer, writable | the escrow's |
/// | 1 | config | | |
/// | 2 | escrow | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [buyer, config, escrow, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let available = balance(escrow)?;
    let amount = {
        let config = read::<Config>(config, cx.program)?;
        let mut escrow = write::<Escrow>(escrow, cx.program)?;
        require(buyer.is_signer() && *buyer.address().as_array() == escrow.buyer, KarmaError::BadOwner)?;
        require(escrow.withdraw_after_epoch != NONE, KarmaError::NoWithdrawal)?; // P-11
        let last = config.last_finalised_epoch;
        require(last != NONE && last >= escrow.withdraw_after_epoch, KarmaError::WithdrawalLocked)?; // P-11
        let amount = escrow.withdraw_amount.min(available);
        escrow.withdraw_amount = 0;
        escrow.withdraw_after_epoch = NONE;
        amount
    };
    move_lamports(escrow, buyer, amount)
}
