//! `close_stake`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, STAKE_CLOSED},
    state::{lamports::move_lamports, read, stake::Stake},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-30: ends a stake that has nothing in it and pays its rent back to the staker.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | staker | signer, writable | the stake's |
/// | 1 | stake | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [staker, stake, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let event = {
        let account = read::<Stake>(stake, cx.program)?;
        account.require_staker(staker)?; // P-30
                                         // Without units nothing was earned since the last sync.
        let empty = account.units == 0 && account.unbonding_units == 0 && account.reward_lamports == 0;
        require(empty, KarmaError::BadAmount)?; // P-30
        Event::new(STAKE_CLOSED).key(&account.participant).key(&account.staker).u8(account.asset)
    };
    let lamports = stake.lamports();
    move_lamports(stake, staker, lamports)?;
    stake.close()?;
    event.emit()
}
