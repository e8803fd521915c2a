//! `initialise`
use crate::{
    entrypoint::Context,
    seeds,
    state::{
        bounds,
        config::{Config, Parameters, PARAMETERS},
        create::{create, Creation},
        vault::Vault,
        write, NONE,
    },
    verify::records,
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-01: makes Config and Vault, once.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | becomes the initialiser |
/// | 1 | config | writable | `["config"]` |
/// | 2 | vault | writable | `["vault"]` |
/// | 3 | system program | | |
///
/// Arguments: genesis [32], version u16, parameters [u64; 40], offchainParametersHash [32].
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let genesis = cx.arguments.bytes::<32>()?;
    let version = cx.arguments.u16()?;
    let parameters = read_parameters(cx)?;
    let offchain_parameters_hash = cx.arguments.bytes::<32>()?;
    cx.arguments.finish()?;
    let [payer, config, vault, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    bounds::check(&parameters)?; // P-01

    let bump = create::<Config>(&mut Creation {
        program: cx.program,
        payer,
        account: config,
        lamports: 0,
        seeds: &[seeds::CONFIG],
    })?;
    let vault_bump = create::<Vault>(&mut Creation {
        program: cx.program,
        payer,
        account: vault,
        lamports: 0,
        seeds: &[seeds::VAULT],
    })?;
    let domain = records::domain(genesis, cx.program.as_array(), version)?;

    write::<Vault>(vault, cx.program)?.bump = vault_bump;
    let mut account = write::<Config>(config, cx.program)?;
    account.version = version;
    account.bump = bump;
    account.vault_bump = vault_bump;
    account.domain = domain;
    account.genesis = *genesis;
    account.initialiser = *payer.address().as_array();
    account.epoch_zero_slot = NONE;
    account.last_finalised_epoch = NONE;
    account.offchain_parameters_hash = *offchain_parameters_hash;
    account.parameters = parameters;
    Ok(())
}

#[inline(never)]
fn read_parameters(cx: &mut Context) -> Result<Parameters, ProgramError> {
    let values = cx.arguments.u64s::<PARAMETERS>()?;
    // SAFETY: `Parameters` is repr(C) of `PARAMETERS` integers, which its size assertion pins.
    Ok(unsafe { core::mem::transmute::<[u64; PARAMETERS], Parameters>(values) })
}
