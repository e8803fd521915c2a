//! `execute_proposal`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, PROPOSAL_EXECUTED},
    math::checked::{add, sub},
    state::{
        config::Config,
        create::rent,
        lamports::move_lamports,
        proposal::{Proposal, PARAMETER, PAUSE},
        vault::Vault,
        write, Account,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-36, P-37: does what a passed proposal says. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | proposal | writable | |
/// | 1 | config | writable | |
/// | 2 | vault | writable | |
/// | 3 | recipient | writable | the proposal's; the system program, whose address is zeros, if it pays nobody |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [proposal, config, vault, recipient, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let key = *proposal.address().as_array();
    let (kind, index, value) = {
        let mut config = write::<Config>(config, cx.program)?;
        let current = config.epoch_at(current_slot()?).ok_or(KarmaError::NotStarted)?;
        let mut account = write::<Proposal>(proposal, cx.program)?;
        account.require_executable(current)?; // P-36
        require(*recipient.address().as_array() == account.recipient, KarmaError::BadOwner)?; // P-36
        account.executed = 1;
        match account.kind {
            PARAMETER => config.change_parameter(usize::from(account.index), account.value, current)?, // P-36
            PAUSE => config.pause(account.value, current)?,                                            // P-37
            _ => {
                // What the vault paid itself would be nobody's for good.
                require(recipient.address() != vault.address(), KarmaError::BadProposal)?;
                let mut vault = write::<Vault>(vault, cx.program)?;
                require(account.value <= vault.treasury(&config)?, KarmaError::TreasuryShort)?; // P-36
                vault.treasury_paid = add(vault.treasury_paid, account.value)?;
            }
        }
        (account.kind, account.index, account.value)
    };
    if kind != PARAMETER && kind != PAUSE {
        require(sub(vault.lamports(), rent(Vault::SIZE)?)? >= value, KarmaError::TreasuryShort)?;
        move_lamports(vault, recipient, value)?;
    }
    Event::new(PROPOSAL_EXECUTED).key(&key).u8(kind).u16(index).u64(value).emit()
}
