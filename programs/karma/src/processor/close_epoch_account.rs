//! `close_epoch_account`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, EPOCH_ACCOUNT_CLOSED},
    math::checked::add,
    state::{
        config::Config,
        epoch::{Epoch, FINALISED, KEPT_EPOCHS},
        lamports::move_lamports,
        read,
        vault::Vault,
        write, NONE,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-51: ends the account of an epoch, final or passed over, that 64 later ones lie behind, and pays its rent back to who paid it.
/// Anyone may send it. A vote needs its epoch's account for its pay, so that all of them end first. What an epoch that was passed
/// over had settled is the treasury's from then on.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | writable | who paid the rent |
/// | 1 | config | | |
/// | 2 | epochAccount | writable | |
/// | 3 | vault | writable | |
///
/// Arguments: epoch u64.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [payer, config, epoch_account, vault, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    {
        let config = read::<Config>(config, cx.program)?;
        let account = read::<Epoch>(epoch_account, cx.program)?;
        account.require_epoch(number)?;
        require(*payer.address().as_array() == account.payer, KarmaError::BadOwner)?; // P-51
        let last = config.last_finalised_epoch;
        require(last != NONE && last >= add(number, KEPT_EPOCHS)?, KarmaError::TooEarly)?; // P-51
        require(account.open_votes == 0, KarmaError::BadState)?; // P-51
        require(current_slot()? >= account.held_until_slot, KarmaError::TooEarly)?; // P-51
        let mut vault = write::<Vault>(vault, cx.program)?;
        if account.state != FINALISED {
            vault.settled = add(vault.settled, account.settled_lamports)?; // P-51
        }
    }
    let lamports = epoch_account.lamports();
    move_lamports(epoch_account, payer, lamports)?;
    epoch_account.close()?;
    Event::new(EPOCH_ACCOUNT_CLOSED).u64(number).emit()
}
