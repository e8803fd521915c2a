//! `register_gateway`
use super::register::{register, Registration};
use crate::{entrypoint::Context, state::participant::GATEWAY};
use pinocchio::ProgramResult;

/// P-05: registers a gateway with its bond.
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
/// Arguments: bond u64.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let bond = cx.arguments.u64()?;
    cx.arguments.finish()?;
    register(cx, &Registration { role: GATEWAY, bond, capacity: 1 })
}
