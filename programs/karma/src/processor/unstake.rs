//! `unstake`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, UNSTAKED},
    math::{
        checked::{add, sub},
        units::value_of,
    },
    state::{
        config::Config,
        participant::Participant,
        stake::{Stake, LAMPORTS},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// Every unit of the stake.
const ALL: u64 = u64::MAX;

/// P-30: takes units out of what counts and sends them on their way out, where they can still be slashed.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | staker | signer | the stake's |
/// | 1 | config | writable | |
/// | 2 | participant | writable | |
/// | 3 | stake | writable | |
///
/// Arguments: units u64 (2^64-1: all).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let units = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [staker, config, participant, stake, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let address = *participant.address().as_array();
    let mut config = write::<Config>(config, cx.program)?;
    let mut participant = write::<Participant>(participant, cx.program)?;
    let mut stake = write::<Stake>(stake, cx.program)?;
    stake.require_of(&address)?;
    stake.require_staker(staker)?; // P-30
    let units = if units == ALL { stake.units } else { units };
    require(units > 0, KarmaError::BadAmount)?; // P-30
    require(units <= stake.units, KarmaError::StakeTooSmall)?; // P-30
    if stake.asset == LAMPORTS && stake.staker == participant.owner {
        let left = sub(participant.own_units, units)?;
        let worth = value_of(left, participant.slash_index)?;
        require(left == 0 || worth >= participant.minimum(&config)?, KarmaError::BondTooSmall)?; // P-30
        participant.own_units = left;
    }

    stake.sync_rewards(&participant, config.token_rate)?; // P-31
    let kind = stake.kind();
    stake.units = sub(stake.units, units)?;
    stake.begin_release(units, slot)?;
    participant.units[kind] = sub(participant.units[kind], units)?;
    participant.unbonding_units[kind] = add(participant.unbonding_units[kind], units)?;
    participant.update_weight(&mut config, slot)?; // P-28

    Event::new(UNSTAKED).key(&address).key(&stake.staker).u8(stake.asset).u64(units).u64(slot).emit()
}
