//! `stake`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, STAKED},
    math::{
        checked::add,
        units::{units_for, LEAST_INDEX},
    },
    seeds,
    state::{
        config::{Config, MOST_STAKE},
        create::{create, Creation},
        participant::{Participant, VALIDATOR},
        read,
        stake::{Stake, LAMPORTS, TOKENS},
        token::{require_token_program, require_token_vault, tokens_of, TokenTransfer},
        write, Key,
    },
};
use pinocchio::{error::ProgramError, AccountView, Address, ProgramResult};
use pinocchio_system::instructions::Transfer;

/// P-30: puts lamports or tokens behind a participant: anyone behind a validator, only the owner behind a worker or a gateway.
/// What they are worth counts from the next epoch on.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | staker | signer, writable | pays the amount, and the stake's rent the first time |
/// | 1 | config | writable | |
/// | 2 | participant | writable | |
/// | 3 | stake | writable | `["stake", participant, staker, asset]` |
/// | 4 | system program | | |
/// | 5 | stakerTokens | writable | of tokens: the staker's token account |
/// | 6 | tokenVault | writable | of tokens: `["tokens"]` |
/// | 7 | token program | | of tokens: SPL Token |
///
/// Arguments: asset u8 (0 lamports, 1 tokens), amount u64 (lamports or base units of the token).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let asset = cx.arguments.u8()?;
    let amount = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [staker, config, participant, stake, _system, tokens @ ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    require(staker.is_signer(), KarmaError::BadOwner)?; // P-30
    let slot = current_slot()?;
    let staker_key = *staker.address().as_array();
    let units = {
        let config = read::<Config>(config, cx.program)?;
        let participant = read::<Participant>(participant, cx.program)?;
        config.require_unpaused(slot)?; // P-37
        require(participant.role == VALIDATOR || participant.owner == staker_key, KarmaError::BadOwner)?; // P-30
                                                                                                          // P-30: who comes after an offence should not pay for it.
        require(participant.open_cases == 0, KarmaError::StakeHeld)?;
        require(participant.slash_index >= LEAST_INDEX, KarmaError::StakeTooSmall)?; // P-30
        let available = match asset {
            LAMPORTS => staker.lamports(),
            TOKENS => tokens_to_stake(tokens, &Paying { config: &config, staker: &staker_key, program: cx.program })?,
            _ => return Err(KarmaError::BadMint.into()),
        };
        require(amount > 0 && amount <= available, KarmaError::BadAmount)?; // P-30
        units_for(amount, participant.slash_index)? // P-29
    };
    let address = *participant.address().as_array();
    if stake.is_data_empty() {
        let bump = create::<Stake>(&mut Creation {
            program: cx.program,
            payer: staker,
            account: stake,
            lamports: 0,
            seeds: &[seeds::STAKE, &address, &staker_key, &[asset]],
        })?;
        let mut stake = write::<Stake>(stake, cx.program)?;
        stake.participant = address;
        stake.staker = staker_key;
        stake.asset = asset;
        stake.bump = bump;
    }
    if asset == LAMPORTS {
        Transfer { from: staker, to: participant, lamports: amount }.invoke()?;
    } else {
        let [from, to, ..] = &*tokens else { return Err(ProgramError::NotEnoughAccountKeys) };
        TokenTransfer { from, to, authority: staker, amount }.invoke(&[])?;
    }

    let mut config = write::<Config>(config, cx.program)?;
    let mut participant = write::<Participant>(participant, cx.program)?;
    let mut stake = write::<Stake>(stake, cx.program)?;
    stake.require_of(&address)?;
    require(stake.staker == staker_key && stake.asset == asset, KarmaError::BadPda)?;
    // P-31: what was earned before a stake was made is not its own, which the first sync says.
    stake.sync_rewards(&participant, config.token_rate)?;
    stake.units = add(stake.units, units)?;
    let kind = stake.kind();
    participant.units[kind] = add(participant.units[kind], units)?;
    if asset == LAMPORTS && staker_key == participant.owner {
        participant.own_units = add(participant.own_units, units)?;
    }
    // Units outgrow their worth after a slash, and rewards are shared by units.
    require(participant.earning_units(config.token_rate)? <= MOST_STAKE, KarmaError::Overflow)?;
    participant.update_weight(&mut config, slot)?; // P-28

    Event::new(STAKED).key(&address).key(&staker_key).u8(asset).u64(amount).u64(units).emit()
}

struct Paying<'a> {
    config: &'a Config,
    staker: &'a Key,
    program: &'a Address,
}

/// P-30: the tokens in the staker's account, once every account of the transfer is the right one.
#[inline(never)]
fn tokens_to_stake(accounts: &[AccountView], paying: &Paying) -> Result<u64, ProgramError> {
    let [from, vault, token_program, ..] = accounts else { return Err(ProgramError::NotEnoughAccountKeys) };
    let available = tokens_of(from, paying.config, paying.staker)?;
    require_token_vault(vault, paying.config, paying.program)?;
    require_token_program(token_program)?;
    Ok(available)
}
