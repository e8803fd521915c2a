//! `close_ballot`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{ballot::Ballot, config::Config, lamports::move_lamports, proposal::Proposal, read},
};
use pinocchio::{error::ProgramError, AccountView, Address, ProgramResult};

/// P-36: ends a ballot whose proposal is over or ended and pays its rent back to who paid it. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | writable | the ballot's |
/// | 1 | config | | |
/// | 2 | proposal | | the ballot's, which may have ended |
/// | 3 | ballot | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [payer, config, proposal, ballot, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    {
        let account = read::<Ballot>(ballot, cx.program)?;
        require(*payer.address().as_array() == account.payer, KarmaError::BadOwner)?; // P-36
        require(*proposal.address().as_array() == account.proposal, KarmaError::BadPda)?; // P-36
        let config = read::<Config>(config, cx.program)?;
        let current = config.epoch_at(current_slot()?).ok_or(KarmaError::NotStarted)?;
        require(!may_count(proposal, cx.program, (account.epoch, current))?, KarmaError::TooEarly)?;
        // P-36
    }
    let lamports = ballot.lamports();
    move_lamports(ballot, payer, lamports)?;
    ballot.close()
}

/// Whether the proposal that a ballot of this epoch is on may still take votes, so that a second ballot would count twice. One
/// at the same address but of another epoch is another proposal.
#[inline(always)]
fn may_count(proposal: &AccountView, program: &Address, (epoch, current): (u64, u64)) -> Result<bool, ProgramError> {
    if proposal.is_data_empty() {
        return Ok(false);
    }
    let proposal = read::<Proposal>(proposal, program)?;
    Ok(proposal.epoch == epoch && !proposal.is_over(current)?)
}
