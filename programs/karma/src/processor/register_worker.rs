//! `register_worker`
use super::register::{register, Registration};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        participant::{Participant, MAX_MODELS, WORKER},
        write, Key,
    },
};
use pinocchio::ProgramResult;

/// P-03: registers a worker with its engine class, models and bond.
///
/// | # | account | | |
/// |---|---|---|---|
/// | 0 | owner | signer, writable | pays rent and bond; is paid later |
/// | 1 | identity | signer | the hot key |
/// | 2 | config | writable | |
/// | 3 | participant | writable | `["participant", identity]` |
/// | 4 | stake | writable | `["stake", participant, owner, 0]` |
/// | 5 | system program | | |
///
/// Arguments: engineClass [32], modelCount u8, models [[32]; 4], bond u64, capacity u16 (requests at once).
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let engine_class = cx.arguments.bytes::<32>()?;
    let model_count = cx.arguments.u8()?;
    let models: [&Key; MAX_MODELS] =
        [cx.arguments.bytes()?, cx.arguments.bytes()?, cx.arguments.bytes()?, cx.arguments.bytes()?];
    let bond = cx.arguments.u64()?;
    let capacity = cx.arguments.u16()?;
    cx.arguments.finish()?;
    require(model_count >= 1 && model_count as usize <= MAX_MODELS, KarmaError::BadModels)?; // P-03
    require(capacity > 0, KarmaError::BadAmount)?; // P-03
    for (position, model) in models.iter().enumerate() {
        // P-03
        require((**model != [0; 32]) == (position < model_count as usize), KarmaError::BadModels)?;
    }

    register(cx, &Registration { role: WORKER, bond, capacity })?;
    let mut account = write::<Participant>(&mut cx.accounts[3], cx.program)?;
    account.engine_class = *engine_class;
    account.model_count = model_count;
    for (to, from) in account.models.iter_mut().zip(models) {
        *to = *from;
    }
    Ok(())
}
