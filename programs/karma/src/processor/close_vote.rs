//! `close_vote`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        epoch::{self, Epoch},
        lamports::move_lamports,
        read,
        vote::Vote,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-22: ends a vote of a finalised epoch and pays its rent back to who paid it. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | writable | the identity that the vote records |
/// | 1 | epochAccount | | |
/// | 2 | vote | writable | |
///
/// Arguments: epoch u64.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let number = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [payer, epoch_account, vote, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    {
        let account = read::<Epoch>(epoch_account, cx.program)?;
        let vote = read::<Vote>(vote, cx.program)?;
        account.require_epoch(number)?;
        require(vote.epoch == number, KarmaError::WrongEpoch)?;
        // P-22
        require(account.state == epoch::FINALISED, KarmaError::NotFinalised)?;
        require(*payer.address().as_array() == vote.payer, KarmaError::BadOwner)?;
    }
    let lamports = vote.lamports();
    move_lamports(vote, payer, lamports)?;
    vote.close()
}
