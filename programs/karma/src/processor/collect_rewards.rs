//! `collect_rewards`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, REWARDS_COLLECTED},
    math::checked::sub,
    state::{config::Config, lamports::move_lamports, participant::Participant, read, stake::Stake, write},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-31: pays a staker what its stake earned. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | staker | writable | the stake's; is paid |
/// | 1 | config | | |
/// | 2 | participant | writable | |
/// | 3 | stake | writable | |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [staker, config, participant, stake, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let address = *participant.address().as_array();
    let (asset, paid) = {
        let config = read::<Config>(config, cx.program)?;
        let mut participant = write::<Participant>(participant, cx.program)?;
        let mut stake = write::<Stake>(stake, cx.program)?;
        stake.require_of(&address)?;
        require(*staker.address().as_array() == stake.staker, KarmaError::BadOwner)?; // P-31
        stake.sync_rewards(&participant, config.token_rate)?;
        let paid = stake.reward_lamports;
        require(paid > 0, KarmaError::NothingDue)?; // P-31
        stake.reward_lamports = 0;
        participant.reward_lamports = sub(participant.reward_lamports, paid)?;
        (stake.asset, paid)
    };
    move_lamports(participant, staker, paid)?;
    Event::new(REWARDS_COLLECTED).key(&address).key(staker.address().as_array()).u8(asset).u64(paid).emit()
}
