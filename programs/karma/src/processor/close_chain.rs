//! `close_chain`
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    event::{Event, CHAIN_CLOSED},
    math::checked::add,
    state::{
        config::Config, epoch::KEPT_EPOCHS, gateway_chain::GatewayChain, lamports::move_lamports,
        participant::Participant, read, NONE,
    },
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-53: ends the chain of an epoch that 64 final ones lie behind, and pays its rent to the gateway's owner. Anyone may send it.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | config | | |
/// | 1 | gateway | | participant |
/// | 2 | owner | writable | the gateway's |
/// | 3 | chain | writable | the gateway's |
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    cx.arguments.finish()?;
    let [config, gateway, owner, chain, ..] = &mut *cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let gateway_key = *gateway.address().as_array();
    let number = {
        let last = read::<Config>(config, cx.program)?.last_finalised_epoch;
        let gateway = read::<Participant>(gateway, cx.program)?;
        let chain = read::<GatewayChain>(chain, cx.program)?;
        require(chain.gateway == gateway_key, KarmaError::BadPda)?; // P-53
        require(*owner.address().as_array() == gateway.owner, KarmaError::BadOwner)?; // P-53
        require(last != NONE && last >= add(chain.epoch, KEPT_EPOCHS)?, KarmaError::TooEarly)?; // P-53
        chain.epoch
    };
    let lamports = chain.lamports();
    move_lamports(chain, owner, lamports)?;
    chain.close()?;
    Event::new(CHAIN_CLOSED).key(&gateway_key).u64(number).emit()
}
