//! `withdraw_escrow`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    math::checked::add,
    state::{
        config::Config,
        epoch::KEPT_EPOCHS,
        escrow::{balance, Escrow},
        lamports::move_lamports,
        read, write, NONE,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-11: pays a requested withdrawal out once the epoch that could still debit the escrow is final. A cluster that finalises
/// nothing keeps nobody's money: it also pays once the epoch lies so far back that nobody waits for it, and before `start`.
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
        let after = escrow.withdraw_after_epoch;
        let is_free = match config.epoch_at(current_slot()?) {
            None => true,
            Some(current) => !config.is_after_last_finalised(after) || current >= add(after, KEPT_EPOCHS)?,
        };
        require(is_free, KarmaError::WithdrawalLocked)?; // P-11
        let amount = escrow.withdraw_amount.min(available);
        escrow.withdraw_amount = 0;
        escrow.withdraw_after_epoch = NONE;
        amount
    };
    move_lamports(escrow, buyer, amount)
}
