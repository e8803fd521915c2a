//! `withdraw_stake`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, STAKE_WITHDRAWN},
    math::{checked::sub, units::value_of},
    state::{
        config::Config,
        lamports::move_lamports,
        participant::Participant,
        read,
        stake::{Stake, LAMPORTS},
        token::{require_token_program, require_token_vault, tokens_of, TokenTransfer},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-30: pays out what has come to the end of its way: what the units are worth now, after whatever was slashed meanwhile.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | staker | signer, writable | the stake's; is paid |
/// | 1 | config | | |
/// | 2 | participant | writable | |
/// | 3 | stake | writable | |
/// | 4 | stakerTokens | writable | of tokens: a token account of the staker |
/// | 5 | tokenVault | writable | of tokens: `["tokens"]` |
/// | 6 | token program | | of tokens: SPL Token |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [staker, config, participant, stake, tokens @ ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let slot = current_slot()?;
    let address = *participant.address().as_array();
    let staker_key = *staker.address().as_array();
    let (asset, units, amount, vault_bump) = {
        let config = read::<Config>(config, cx.program)?;
        let mut participant = write::<Participant>(participant, cx.program)?;
        let mut stake = write::<Stake>(stake, cx.program)?;
        stake.require_of(&address)?;
        stake.require_staker(staker)?; // P-30
        if stake.asset != LAMPORTS {
            let [to, vault, token_program, ..] = &*tokens else { return Err(ProgramError::NotEnoughAccountKeys) };
            tokens_of(to, &config, &staker_key)?;
            require_token_vault(vault, &config, cx.program)?;
            require_token_program(token_program)?;
        }
        require(participant.open_cases == 0, KarmaError::StakeHeld)?; // P-30
        require(stake.unpaid_units()? > 0, KarmaError::NoCoolDown)?; // P-30
        let units = stake.release(&config.parameters, slot)?;
        require(units > 0, KarmaError::NothingDue)?; // P-30
        let kind = stake.kind();
        participant.unbonding_units[kind] = sub(participant.unbonding_units[kind], units)?;
        (stake.asset, units, value_of(units, participant.slash_index)?, config.token_vault_bump)
    };
    if asset == LAMPORTS {
        move_lamports(participant, staker, amount)?;
    } else {
        let [to, vault, ..] = &*tokens else { return Err(ProgramError::NotEnoughAccountKeys) };
        TokenTransfer { from: vault, to, authority: vault, amount }.invoke_as_vault(vault_bump)?;
    }
    Event::new(STAKE_WITHDRAWN).key(&address).key(&staker_key).u8(asset).u64(units).u64(amount).emit()
}
