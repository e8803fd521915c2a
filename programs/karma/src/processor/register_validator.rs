//! `register_validator`
use super::register::{register, Registration};
use crate::{
    entrypoint::Context,
    error::{require, KarmaError},
    state::{
        config::Config,
        participant::{Participant, VALIDATOR},
        read, write,
    },
    verify::secp256k1::{verify, Claim},
};
use pinocchio::{error::ProgramError, ProgramResult};

/// P-04: registers a validator with its bond and, if it has one, a proven secp256k1 address.
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
/// Arguments: bond u64, hasSecp256k1 u8, address [20], signature [64], recoveryId u8.
#[inline(never)]
pub fn process(cx: &mut Context) -> ProgramResult {
    let bond = cx.arguments.u64()?;
    let has_secp256k1 = cx.arguments.u8()?;
    let address = cx.arguments.bytes::<20>()?;
    let signature = cx.arguments.bytes::<64>()?;
    let recovery_id = cx.arguments.u8()?;
    cx.arguments.finish()?;
    let [_owner, _identity, config, participant, ..] = &*cx.accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    // P-04
    match has_secp256k1 {
        0 => require(*address == [0; 20] && *signature == [0; 64] && recovery_id == 0, KarmaError::BadSecp256k1)?,
        1 => {
            let config = read::<Config>(config, cx.program)?;
            let participant = participant.address().as_array();
            verify(&Claim { domain: &config.domain, participant, address, signature, recovery_id })?;
        }
        _ => return Err(KarmaError::BadSecp256k1.into()),
    }

    register(cx, &Registration { role: VALIDATOR, bond, capacity: 1 })?;
    let mut account = write::<Participant>(&mut cx.accounts[3], cx.program)?;
    account.has_secp256k1 = has_secp256k1;
    account.secp256k1_address = *address;
    Ok(())
}
