//! `close_proposal`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{config::Config, lamports::move_lamports, proposal::Proposal, read},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-36: ends a proposal of which nothing can come any more and pays its rent back to who paid it. Anyone may send it. Not in the
/// proposal's own epoch, so that another one at the same address never has the same epoch.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | writable | the proposal's |
/// | 1 | config | | |
/// | 2 | proposal | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [payer, config, proposal, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    {
        let config = read::<Config>(config, cx.program)?;
        let account = read::<Proposal>(proposal, cx.program)?;
        require(*payer.address().as_array() == account.payer, KarmaError::BadOwner)?; // P-36
        let current = config.epoch_at(current_slot()?).ok_or(KarmaError::NotStarted)?;
        require(account.is_over(current)? && current > account.epoch, KarmaError::TooEarly)?;
        // P-36
    }
    let lamports = proposal.lamports();
    move_lamports(proposal, payer, lamports)?;
    proposal.close()
}
