//! `commit_chain`
use super::current_slot;
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    seeds,
    state::{
        config::Config,
        create::{create, Creation},
        gateway_chain::{GatewayChain, MAX_CHAIN_LENGTH},
        participant::{Participant, GATEWAY},
        read, write,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-07: commits a gateway's hash chain for an epoch that has not begun, once.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | identity | signer, writable | the gateway's; pays the rent |
/// | 1 | config | | |
/// | 2 | gateway | | participant |
/// | 3 | chain | writable | `["chain", gateway, epoch]` |
/// | 4 | system program | | |
///
/// Arguments: epoch u64, commitment [32], length u32.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let epoch = cx.arguments.bytes::<8>()?;
    let commitment = cx.arguments.bytes::<32>()?;
    let length = cx.arguments.u32()?;
    cx.arguments.finish()?;
    let [identity, config, gateway, chain, _system, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let number = u64::from_le_bytes(*epoch);
    let slot = current_slot()?;
    {
        let gateway = read::<Participant>(gateway, cx.program)?;
        gateway.require_role(GATEWAY)?; // P-07
        gateway.require_identity(identity)?;
        let config = read::<Config>(config, cx.program)?;
        // P-07
        let begun = config.started != 0 && slot >= config.first_slot(number)?;
        require(!begun, KarmaError::EpochBegun)?;
        require((1..=MAX_CHAIN_LENGTH).contains(&length), KarmaError::BadLength)?;
    }

    let gateway_key = *gateway.address().as_array();
    let bump = create::<GatewayChain>(&mut Creation {
        program: cx.program,
        payer: identity,
        account: chain,
        lamports: 0,
        seeds: &[seeds::CHAIN, &gateway_key, epoch],
    })?;
    let mut account = write::<GatewayChain>(chain, cx.program)?;
    account.gateway = gateway_key;
    account.epoch = number;
    account.commitment = *commitment;
    account.length = length;
    account.bump = bump;
    account.committed_slot = slot;
    Ok(())
}
