//! `initialise`
use crate::math::checked::add;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    seeds,
    state::{
        config::{Config, Parameters},
        create::{create, Creation},
        vault::Vault,
        write, NONE,
    },
    verify::records,
};
use pinocchio::{error::ProgramError, ProgramResult};

const MIN_SLOTS_PER_EPOCH: u64 = 64;
const BASIS_POINTS: u64 = 10_000;

/// P-01: makes Config and Vault, once.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | payer | signer, writable | becomes the initialiser |
/// | 1 | config | writable | `["config"]` |
/// | 2 | vault | writable | `["vault"]` |
/// | 3 | system program | | |
///
/// Arguments: genesis [32], version u16, parameters [u64; 22], offchainParametersHash [32].
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
    check_parameters(&parameters)?; // P-01

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
    let a = &mut cx.arguments;
    Ok(Parameters {
        slots_per_epoch: a.u64()?,
        close_delay_slots: a.u64()?,
        proposer_window_slots: a.u64()?,
        salt_reveal_slots: a.u64()?,
        beacon_delay_slots: a.u64()?,
        audit_slots: a.u64()?,
        challenge_slots: a.u64()?,
        min_worker_bond: a.u64()?,
        min_validator_bond: a.u64()?,
        min_gateway_bond: a.u64()?,
        worker_share_bps: a.u64()?,
        fee_share_bps: a.u64()?,
        kappa: a.u64()?,
        seeding_cap: a.u64()?,
        uptime_cap: a.u64()?,
        validation_cap: a.u64()?,
        half_lives: a.u64s()?,
        list_price_lamports: a.u64()?,
    })
}

/// P-01. A salt that could still be revealed once the beacon's slot hash is known would let its owner choose between two beacons.
fn check_parameters(parameters: &Parameters) -> ProgramResult {
    require(parameters.slots_per_epoch >= MIN_SLOTS_PER_EPOCH, KarmaError::BadParameter)?;
    require(parameters.proposer_window_slots > 0, KarmaError::BadParameter)?;
    require(parameters.salt_reveal_slots < parameters.beacon_delay_slots, KarmaError::BadParameter)?;
    let shares = add(parameters.worker_share_bps, parameters.fee_share_bps)?;
    require(shares <= BASIS_POINTS, KarmaError::BadParameter)?;
    require(parameters.half_lives.iter().all(|slots| *slots > 0), KarmaError::BadParameter)
}
