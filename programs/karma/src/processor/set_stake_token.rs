//! `set_stake_token`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, STAKE_TOKEN_SET},
    math::units::Share,
    seeds,
    state::{
        config::{Config, MOST_STAKE},
        create::{create_for, Creation},
        read,
        token::{fixed_supply, initialise_vault, require_token_program, TOKEN_ACCOUNT_BYTES, TOKEN_PROGRAM},
        write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-35: names the token that can be staked beside lamports, and makes the account that holds it. Once, before `start`.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | initialiser | signer, writable | who initialised; pays the rent |
/// | 1 | config | writable | |
/// | 2 | mint | | of the SPL Token program; its supply is for good |
/// | 3 | tokenVault | writable | `["tokens"]` |
/// | 4 | system program | | |
/// | 5 | token program | | SPL Token |
///
/// Arguments: rate u64 (lamports of weight for each base unit of the token, times 2^32).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let rate = cx.arguments.u64()?;
    cx.arguments.finish()?;
    let [initialiser, config, mint, vault, _system, token_program, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let mint_key = *mint.address().as_array();
    {
        let config = read::<Config>(config, cx.program)?;
        require(
            initialiser.is_signer() && *initialiser.address().as_array() == config.initialiser,
            KarmaError::NotInitialiser,
        )?; // P-35
        require(config.started == 0, KarmaError::AlreadyStarted)?; // P-35
        require(config.token_mint == [0; 32], KarmaError::AlreadyInitialised)?; // P-35
    }
    require_token_program(token_program)?;
    let supply = fixed_supply(mint)?; // P-35
                                      // P-35: the whole supply staked behind one validator must still be a weight.
    require(rate > 0 && Share::of_rate(rate).of(supply)? <= MOST_STAKE, KarmaError::BadAmount)?;

    let bump = create_for(
        &mut Creation { program: cx.program, payer: initialiser, account: vault, lamports: 0, seeds: &[seeds::TOKENS] },
        TOKEN_ACCOUNT_BYTES,
        &TOKEN_PROGRAM,
    )?;
    initialise_vault(vault, mint)?;
    let mut config = write::<Config>(config, cx.program)?;
    config.token_mint = mint_key;
    config.token_rate = rate;
    config.token_vault_bump = bump;
    drop(config);

    Event::new(STAKE_TOKEN_SET).key(&mint_key).u64(rate).emit()
}
